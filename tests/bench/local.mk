# SPDX-License-Identifier: LGPL-2.1-or-later
# Part of ../../Makefile.am: measurements. `make bench` takes them, for people to read: nothing there passes or fails, but for what could not be
# measured. `make check` only looks that each can be taken (tests/unit/test-bench-run.sh).

check_PROGRAMS += tests/bench/ledger tests/bench/pairs tests/bench/scan tests/bench/unmount
bench_times = tests/bench/times.c tests/bench/times.h
tests_bench_ledger_LDADD = $(use_store)
tests_bench_pairs_SOURCES = tests/bench/pairs.c $(bench_times)
tests_bench_pairs_LDADD = $(use_base)
tests_bench_scan_SOURCES = tests/bench/scan.c $(bench_times)
tests_bench_scan_LDADD = $(use_source)
tests_bench_unmount_LDADD = $(use_base)

EXTRA_DIST += \
	tests/bench/rows/__init__.py \
	tests/bench/rows/ledger.py \
	tests/bench/rows/measure.py \
	tests/bench/rows/reaping.py \
	tests/bench/rows/resting.py \
	tests/bench/rows/starting.py \
	tests/bench/rows/watching.py \
	tests/bench/run

# BENCH="storm paced" for some of them (tests/bench/run --list), BENCH_SOURCE=listmount, BENCH_JSON=FILE.
bench: all $(check_PROGRAMS)
	@REAPERD_BUILD_DIR='$(abs_builddir)' $(srcdir)/tests/bench/run --source '$(or $(BENCH_SOURCE),auto)' \
		$(if $(BENCH_JSON),--json '$(BENCH_JSON)') $(BENCH)
.PHONY: bench
