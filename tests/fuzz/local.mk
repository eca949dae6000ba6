# SPDX-License-Identifier: LGPL-2.1-or-later
# Part of ../../Makefile.am: fuzz targets. `make check` runs each over its corpus, tests/fixtures/NAME; `make fuzz` in a tree
# that was configured with --enable-fuzz lets libFuzzer have them (docs/testing.md).

fuzz_targets = tests/fuzz/fuzz_config tests/fuzz/fuzz_layout tests/fuzz/fuzz_mountinfo tests/fuzz/fuzz_process \
	tests/fuzz/fuzz_text tests/fuzz/fuzz_time tests/fuzz/fuzz_varlink tests/fuzz/fuzz_wire
check_PROGRAMS += $(fuzz_targets)

fuzz_sources = tests/fuzz/fuzz.c tests/fuzz/fuzz.h
if FUZZ
EXTRA_DIST += tests/fuzz/main.c
else
fuzz_sources += tests/fuzz/main.c
TESTS += $(fuzz_targets)
endif

tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c $(fuzz_sources)
tests_fuzz_fuzz_config_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_config_LDADD = $(use_config)
tests_fuzz_fuzz_layout_SOURCES = tests/fuzz/fuzz_layout.c $(fuzz_sources)
tests_fuzz_fuzz_layout_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_layout_LDADD = $(use_model)
tests_fuzz_fuzz_mountinfo_SOURCES = tests/fuzz/fuzz_mountinfo.c $(fuzz_sources)
tests_fuzz_fuzz_mountinfo_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_mountinfo_LDADD = $(use_source)
tests_fuzz_fuzz_process_SOURCES = tests/fuzz/fuzz_process.c $(fuzz_sources)
tests_fuzz_fuzz_process_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_process_LDADD = $(use_kernel)
tests_fuzz_fuzz_text_SOURCES = tests/fuzz/fuzz_text.c $(fuzz_sources)
tests_fuzz_fuzz_text_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_text_LDADD = $(use_base)
tests_fuzz_fuzz_time_SOURCES = tests/fuzz/fuzz_time.c $(fuzz_sources)
tests_fuzz_fuzz_time_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_time_LDADD = $(use_base)
tests_fuzz_fuzz_varlink_SOURCES = tests/fuzz/fuzz_varlink.c $(fuzz_sources)
tests_fuzz_fuzz_varlink_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_varlink_LDADD = $(use_wire)
tests_fuzz_fuzz_wire_SOURCES = tests/fuzz/fuzz_wire.c $(fuzz_sources)
tests_fuzz_fuzz_wire_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_wire_LDADD = $(use_wire)

check_PROGRAMS += tests/fuzz/wire_seeds
tests_fuzz_wire_seeds_LDADD = $(use_wire)

dist_check_SCRIPTS += tests/fuzz/run tests/unit/test-fuzz-run.sh
TESTS += tests/unit/test-fuzz-run.sh
EXTRA_DIST += tests/fuzz/config.dict tests/fuzz/control.dict tests/fuzz/mountinfo.dict

FUZZ_SECONDS = 60
if FUZZ
fuzz: $(fuzz_targets)
	REAPERD_BUILD_DIR='$(abs_builddir)' $(srcdir)/tests/fuzz/run $(FUZZ_SECONDS)
else
fuzz:
	@echo "configure with --enable-fuzz CC=clang first" >&2; exit 1
endif
.PHONY: fuzz

# Over the real methods, with the unit tests' engine.
fuzz_targets += tests/fuzz/fuzz_control
check_PROGRAMS += tests/fuzz/fuzz_control
tests_fuzz_fuzz_control_SOURCES = tests/fuzz/fuzz_control.c tests/fuzz/instead/check.h $(methods_fixture) $(fuzz_sources)
tests_fuzz_fuzz_control_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/fuzz/instead -I$(top_srcdir)/tests/unit
tests_fuzz_fuzz_control_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_control_LDADD = $(use_engine)

fuzz_targets += tests/fuzz/fuzz_request
check_PROGRAMS += tests/fuzz/fuzz_request
tests_fuzz_fuzz_request_SOURCES = tests/fuzz/fuzz_request.c $(fuzz_sources)
tests_fuzz_fuzz_request_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_request_LDADD = $(use_broker)
