# SPDX-License-Identifier: LGPL-2.1-or-later
# Part of ../Makefile.am: what `make check` builds and runs.

script_tests = tests/check-cycles tests/check-documents tests/check-layers tests/check-manuals tests/unit/test-check-cycles.sh \
	tests/unit/test-check-documents.sh tests/unit/test-check-layers.sh tests/unit/test-count-results.sh tests/unit/test-embed.sh \
	tests/unit/test-libreaper.sh tests/unit/test-mutants-run.sh
dist_check_SCRIPTS += $(script_tests) tests/run-system tests/count-results tests/lint
EXTRA_DIST += tests/lib/skip.h tests/mutants tests/skips
EXTRA_DIST += tests/.clang-tidy tests/cppcheck.h tests/cppcheck-suppressions.txt \
	tests/system/conftest.py \
	tests/system/harness/__init__.py \
	tests/system/harness/buildbarn.py tests/system/harness/cell.py tests/system/harness/cgroups.py tests/system/harness/container.py \
	tests/system/harness/daemon.py \
	tests/system/harness/farm.py \
	tests/system/harness/mounter.py \
	tests/system/harness/namespace.py \
	tests/system/harness/processes.py \
	tests/system/harness/settings.py \
	tests/system/harness/table.py \
	tests/system/harness/varlink.py \
	tests/system/odd_names.py \
	tests/system/test_adversary.py \
	tests/system/test_bad_input.py tests/system/test_containers.py \
	tests/system/test_bench.py tests/system/test_buildbarn.py \
	tests/system/test_cost.py \
	tests/system/test_crash.py \
	tests/system/test_daemon.py \
	tests/system/test_fuse.py \
	tests/system/test_fuse_trouble.py \
	tests/system/test_groups.py \
	tests/system/test_harness.py \
	tests/system/test_held.py \
	tests/system/test_hook.py \
	tests/system/test_hostile.py \
	tests/system/test_keep.py \
	tests/system/test_kernels.py \
	tests/system/test_libreaper.py \
	tests/system/test_mountat.py \
	tests/system/test_namespaces.py \
	tests/system/test_odd.py \
	tests/system/test_owners.py \
	tests/system/test_privilege.py \
	tests/system/test_propagation.py \
	tests/system/test_random.py \
	tests/system/test_reap.py \
	tests/system/test_reaperctl.py \
	tests/system/test_run.py tests/system/test_run_killed.py tests/system/test_run_place.py \
	tests/system/test_runner_socket.py \
	tests/system/test_units.py \
	tests/system/test_unmountat.py \
	tests/system/test_varlink.py

# Unit tests: each links its layer and what that may use, nothing else

EXTRA_DIST += tests/unit/broker_fixture.h tests/unit/cli_daemon.h tests/unit/config_fixture.h tests/unit/misfuse_fixture.h \
	tests/unit/model_fixture.h tests/unit/mount_fixture.h tests/unit/namespace_fixture.h tests/unit/odd_names.h tests/unit/policy_fixture.h \
	tests/unit/quick_asserts.h tests/unit/report_fixture.h tests/unit/requests_fixture.h tests/unit/run_suite.h \
	tests/unit/race_fixture.h tests/unit/shared_fixture.h tests/unit/source_fixture.h tests/unit/step_fixture.h tests/unit/stop_fixture.h \
	tests/unit/store_fixture.h
unit_tests = tests/sim/test_sim tests/unit/test_base_batch tests/unit/test_base_log tests/unit/test_base_path tests/unit/test_base_rules \
	tests/unit/test_base_segments tests/unit/test_base_text tests/unit/test_base_time tests/unit/test_config_files tests/unit/test_config_mistakes \
	tests/unit/test_config_values tests/unit/test_wire tests/unit/test_wire_frame tests/unit/test_wire_records
check_PROGRAMS += $(unit_tests)

tests_unit_test_base_text_LDADD = $(use_base) $(CHECK_LIBS)
tests_unit_test_base_segments_LDADD = $(use_base) $(CHECK_LIBS)
tests_unit_test_base_path_LDADD = $(use_base) $(CHECK_LIBS)
tests_unit_test_base_time_LDADD = $(use_base) $(CHECK_LIBS)
tests_unit_test_base_rules_LDADD = $(use_base) $(CHECK_LIBS)
tests_unit_test_base_log_LDADD = $(use_base) $(CHECK_LIBS)
tests_unit_test_base_batch_LDFLAGS = -Wl,--wrap=waitpid
tests_unit_test_base_batch_LDADD = $(use_base) $(CHECK_LIBS)
tests_unit_test_config_files_LDADD = $(use_config) $(CHECK_LIBS)
tests_unit_test_config_mistakes_LDADD = $(use_config) $(CHECK_LIBS)
tests_unit_test_config_values_LDADD = $(use_config) $(CHECK_LIBS)
tests_unit_test_wire_LDADD = $(use_wire) $(CHECK_LIBS)
tests_unit_test_wire_frame_LDADD = $(use_wire) $(CHECK_LIBS)
tests_unit_test_wire_records_LDADD = $(use_wire) $(CHECK_LIBS)

unit_tests += tests/unit/test_kernel_at tests/unit/test_kernel_mountat tests/unit/test_kernel_cgroup tests/unit/test_kernel_cgroup_tree \
	tests/unit/test_kernel_holders tests/unit/test_kernel_mounts tests/unit/test_kernel_namespaces tests/unit/test_kernel_probe \
	tests/unit/test_kernel_process tests/unit/test_kernel_table
tests_unit_test_kernel_at_LDADD = $(use_kernel) $(CHECK_LIBS)
tests_unit_test_kernel_mountat_LDADD = $(use_kernel) $(CHECK_LIBS)
tests_unit_test_kernel_cgroup_LDADD = $(use_kernel) $(CHECK_LIBS)
tests_unit_test_kernel_cgroup_tree_SOURCES = tests/unit/test_kernel_cgroup_tree.c tests/lib/cgroups.h
tests_unit_test_kernel_cgroup_tree_LDADD = $(use_kernel) $(CHECK_LIBS)
tests_unit_test_kernel_holders_LDADD = $(use_kernel) $(CHECK_LIBS)
tests_unit_test_kernel_probe_LDADD = $(use_kernel) $(CHECK_LIBS)
tests_unit_test_kernel_process_LDADD = $(use_kernel) $(CHECK_LIBS)
tests_unit_test_kernel_table_LDADD = $(use_kernel) $(CHECK_LIBS)
tests_unit_test_kernel_namespaces_LDADD = $(use_kernel) $(CHECK_LIBS)
tests_unit_test_kernel_mounts_SOURCES = tests/unit/test_kernel_mounts.c tests/lib/scratch.c tests/lib/scratch.h
tests_unit_test_kernel_mounts_LDADD = $(use_kernel) $(CHECK_LIBS)

unit_tests += tests/unit/test_model_actions tests/unit/test_model_layout tests/unit/test_model_moves tests/unit/test_model_namespaces tests/unit/test_model_random \
	tests/unit/test_model_restart tests/unit/test_model_roots tests/unit/test_model_tree
tests_unit_test_model_actions_LDADD = $(use_model) $(CHECK_LIBS)
tests_unit_test_model_moves_LDADD = $(use_model) $(CHECK_LIBS)
tests_unit_test_model_namespaces_LDADD = $(use_model) $(CHECK_LIBS)
tests_unit_test_model_restart_LDADD = $(use_model) $(CHECK_LIBS)
tests_unit_test_model_roots_LDADD = $(use_model) $(CHECK_LIBS)
tests_unit_test_model_random_LDADD = $(use_model) $(CHECK_LIBS)
tests_unit_test_model_layout_LDADD = $(use_model) $(CHECK_LIBS)
tests_unit_test_model_tree_LDADD = $(use_model) $(CHECK_LIBS)

unit_tests += tests/unit/test_source tests/unit/test_source_actor_groups tests/unit/test_source_actors tests/unit/test_source_events tests/unit/test_source_mountinfo \
	tests/unit/test_source_random
tests_unit_test_source_SOURCES = tests/unit/test_source.c tests/lib/scratch.c tests/lib/scratch.h
tests_unit_test_source_LDADD = $(use_source) $(CHECK_LIBS)
actors_fixture = tests/unit/actors_fixture.c tests/unit/actors_fixture.h tests/lib/cgroups.h
actors_wraps = -Wl,--wrap=kernel_process_stat -Wl,--wrap=kernel_process_cgroup
tests_unit_test_source_actor_groups_SOURCES = tests/unit/test_source_actor_groups.c $(actors_fixture)
tests_unit_test_source_actor_groups_LDFLAGS = $(actors_wraps)
tests_unit_test_source_actor_groups_LDADD = $(use_source) $(CHECK_LIBS)
tests_unit_test_source_actors_SOURCES = tests/unit/test_source_actors.c $(actors_fixture)
tests_unit_test_source_actors_LDFLAGS = $(actors_wraps)
tests_unit_test_source_actors_LDADD = $(use_source) $(CHECK_LIBS)
tests_unit_test_source_events_SOURCES = tests/unit/test_source_events.c tests/lib/scratch.c tests/lib/scratch.h
tests_unit_test_source_events_LDADD = $(use_source) $(CHECK_LIBS)
tests_unit_test_source_mountinfo_LDADD = $(use_source) $(CHECK_LIBS)
tests_unit_test_source_random_SOURCES = tests/unit/test_source_random.c tests/lib/scratch.c tests/lib/scratch.h
tests_unit_test_source_random_LDADD = $(use_source) $(CHECK_LIBS)

EXTRA_DIST += tests/fixtures

unit_tests += tests/unit/test_control tests/unit/test_control_bounds tests/unit/test_methods_act tests/unit/test_methods_runners \
	tests/unit/test_methods_events tests/unit/test_methods_read tests/unit/test_varlink
control_fixture = tests/unit/control_fixture.c tests/unit/control_fixture.h
control_server = $(control_fixture) tests/unit/control_server.c tests/unit/control_server.h
methods_fixture = $(control_fixture) tests/unit/methods_fixture.c tests/unit/methods_fixture.h
tests_unit_test_control_SOURCES = tests/unit/test_control.c $(control_server)
tests_unit_test_control_LDADD = $(use_engine) $(CHECK_LIBS)
tests_unit_test_control_bounds_SOURCES = tests/unit/test_control_bounds.c $(control_server)
tests_unit_test_control_bounds_LDADD = $(use_engine) $(CHECK_LIBS)
tests_unit_test_methods_act_SOURCES = tests/unit/test_methods_act.c $(methods_fixture)
tests_unit_test_methods_act_LDADD = $(use_engine) $(CHECK_LIBS)
tests_unit_test_methods_events_SOURCES = tests/unit/test_methods_events.c $(methods_fixture)
tests_unit_test_methods_events_LDADD = $(use_engine) $(CHECK_LIBS)
tests_unit_test_methods_read_SOURCES = tests/unit/test_methods_read.c $(methods_fixture)
tests_unit_test_methods_read_LDADD = $(use_engine) $(CHECK_LIBS)
tests_unit_test_methods_runners_SOURCES = tests/unit/test_methods_runners.c $(methods_fixture)
tests_unit_test_methods_runners_LDADD = $(use_engine) $(CHECK_LIBS)
tests_unit_test_varlink_LDADD = $(use_wire) $(CHECK_LIBS)

unit_tests += tests/unit/test_report tests/unit/test_report_audit
tests_unit_test_report_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_report_LDADD = $(use_report) $(CHECK_LIBS)
tests_unit_test_report_audit_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_report_audit_LDADD = $(use_report) $(CHECK_LIBS)

unit_tests += tests/unit/test_store_corrupt tests/unit/test_store_faults tests/unit/test_store_numbers tests/unit/test_store_owners \
	tests/unit/test_store_read tests/unit/test_store_restart tests/unit/test_store_write
tests_unit_test_store_corrupt_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_corrupt_LDADD = $(use_store) $(CHECK_LIBS)
tests_unit_test_store_numbers_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_numbers_LDADD = $(use_store) $(CHECK_LIBS)
tests_unit_test_store_owners_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_owners_LDADD = $(use_store) $(CHECK_LIBS)
tests_unit_test_store_read_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_read_LDADD = $(use_store) $(CHECK_LIBS)
tests_unit_test_store_restart_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_restart_LDADD = $(use_store) $(CHECK_LIBS)
tests_unit_test_store_write_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_write_LDADD = $(use_store) $(CHECK_LIBS)
tests_unit_test_store_faults_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_faults_LDADD = $(use_store) $(CHECK_LIBS)

unit_tests += tests/unit/test_sandbox
tests_unit_test_sandbox_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
tests_unit_test_sandbox_LDADD = $(use_sandbox) $(CHECK_LIBS)

unit_tests += tests/unit/test_broker_dead_root tests/unit/test_broker_detached tests/unit/test_broker_elsewhere tests/unit/test_broker_engine tests/unit/test_broker_hostile \
	tests/unit/test_broker_namespaces tests/unit/test_broker_race tests/unit/test_broker_receivers tests/unit/test_broker_requests \
	tests/unit/test_broker_shared tests/unit/test_broker_start tests/unit/test_broker_step tests/unit/test_broker_step_fuse tests/unit/test_broker_tables \
	tests/unit/test_broker_travel
tests_unit_test_broker_dead_root_LDADD = $(use_broker) $(CHECK_LIBS)
tests_unit_test_broker_detached_LDADD = $(use_broker) $(CHECK_LIBS)
tests_unit_test_broker_elsewhere_LDADD = $(use_broker) $(CHECK_LIBS)
tests_unit_test_broker_travel_LDADD = $(use_broker) $(CHECK_LIBS)
tests_unit_test_broker_tables_LDADD = $(use_broker) $(CHECK_LIBS)
tests_unit_test_broker_namespaces_LDADD = $(use_broker) $(CHECK_LIBS)
tests_unit_test_broker_engine_LDADD = $(use_broker) $(CHECK_LIBS)
tests_unit_test_broker_requests_LDADD = $(use_broker) $(CHECK_LIBS)
tests_unit_test_broker_hostile_LDADD = $(use_broker) $(CHECK_LIBS)
# They start that.
EXTRA_tests_unit_test_broker_engine_DEPENDENCIES = reaperd/broker/reaperd
EXTRA_tests_unit_test_broker_hostile_DEPENDENCIES = reaperd/broker/reaperd
EXTRA_tests_unit_test_broker_requests_DEPENDENCIES = reaperd/broker/reaperd
tests_unit_test_broker_race_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
tests_unit_test_broker_race_LDADD = $(use_broker) $(CHECK_LIBS) -lpthread
tests_unit_test_broker_shared_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
tests_unit_test_broker_shared_LDADD = $(use_broker) $(CHECK_LIBS) -lpthread
tests_unit_test_broker_receivers_LDADD = $(use_broker) $(CHECK_LIBS)
tests_unit_test_broker_start_LDADD = $(use_broker) $(CHECK_LIBS)
tests_unit_test_broker_step_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
tests_unit_test_broker_step_LDADD = $(use_broker) $(CHECK_LIBS)
tests_unit_test_broker_step_fuse_LDADD = $(use_broker) $(CHECK_LIBS)

unit_tests += tests/unit/test_policy tests/unit/test_policy_dead_root tests/unit/test_policy_sets tests/unit/test_policy_table
tests_unit_test_policy_LDADD = $(use_policy) $(CHECK_LIBS)
tests_unit_test_policy_dead_root_LDADD = $(use_policy) $(CHECK_LIBS)
tests_unit_test_policy_sets_LDADD = $(use_policy) $(CHECK_LIBS)
tests_unit_test_policy_table_LDADD = $(use_policy) $(CHECK_LIBS)

unit_tests += tests/unit/test_cli tests/unit/test_cli_audit tests/unit/test_cli_calls tests/unit/test_cli_hook tests/unit/test_cli_lists \
	tests/unit/test_cli_keeper tests/unit/test_cli_unmounting
cli_test_sources = tests/unit/cli_fixture.c tests/unit/cli_fixture.h
cli_test_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)
cli_test_cflags = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_cli_SOURCES = tests/unit/test_cli.c $(cli_test_sources)
tests_unit_test_cli_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_cli_CFLAGS = $(cli_test_cflags)
tests_unit_test_cli_LDADD = $(use_cli) $(CHECK_LIBS)
tests_unit_test_cli_audit_SOURCES = tests/unit/test_cli_audit.c $(cli_test_sources)
tests_unit_test_cli_audit_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_cli_audit_CFLAGS = $(cli_test_cflags)
tests_unit_test_cli_audit_LDADD = $(use_cli) $(CHECK_LIBS)
tests_unit_test_cli_hook_SOURCES = tests/unit/test_cli_hook.c $(cli_test_sources)
tests_unit_test_cli_hook_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_cli_hook_CFLAGS = $(cli_test_cflags)
tests_unit_test_cli_hook_LDADD = $(use_cli) $(CHECK_LIBS)
tests_unit_test_cli_calls_SOURCES = tests/unit/test_cli_calls.c $(cli_test_sources)
tests_unit_test_cli_calls_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_cli_calls_CFLAGS = $(cli_test_cflags)
tests_unit_test_cli_calls_LDADD = $(use_cli) $(CHECK_LIBS)
tests_unit_test_cli_lists_SOURCES = tests/unit/test_cli_lists.c $(cli_test_sources)
tests_unit_test_cli_lists_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_cli_lists_CFLAGS = $(cli_test_cflags)
tests_unit_test_cli_lists_LDADD = $(use_cli) $(CHECK_LIBS)
tests_unit_test_cli_keeper_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_cli_keeper_CFLAGS = $(cli_test_cflags)
tests_unit_test_cli_keeper_LDADD = $(use_cli) $(CHECK_LIBS)
tests_unit_test_cli_unmounting_CPPFLAGS = $(cli_test_cppflags)
tests_unit_test_cli_unmounting_CFLAGS = $(cli_test_cflags) $(SECCOMP_CFLAGS)
tests_unit_test_cli_unmounting_LDADD = $(use_cli) $(SECCOMP_LIBS) $(CHECK_LIBS) -lpthread

unit_tests += tests/unit/test_libreaper_mounts tests/unit/test_libreaper_actions
libreaper_test_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/libreaper
tests_unit_test_libreaper_mounts_CPPFLAGS = $(libreaper_test_cppflags)
tests_unit_test_libreaper_mounts_LDADD = $(use_libreaper) $(CHECK_LIBS) -lpthread
tests_unit_test_libreaper_actions_CPPFLAGS = $(libreaper_test_cppflags)
tests_unit_test_libreaper_actions_LDADD = $(use_libreaper) $(CHECK_LIBS) -lpthread

# The engine with a clock, a source and a broker of the test's; the wrap looks at each request at the moment when it is made

unit_tests += tests/unit/test_broker_client
tests_unit_test_broker_client_LDADD = $(use_engine) $(CHECK_LIBS)

engine_fixture = tests/unit/engine_broker.c tests/unit/engine_broker.h tests/unit/engine_fixture.c tests/unit/engine_fixture.h
unit_tests += tests/unit/test_engine tests/unit/test_engine_bounds tests/unit/test_engine_group_owner tests/unit/test_engine_group_watch \
	tests/unit/test_engine_owners tests/unit/test_engine_restart tests/unit/test_engine_unit_owner
tests_unit_test_engine_SOURCES = $(engine_fixture) tests/unit/engine_action.h tests/unit/test_engine.c
tests_unit_test_engine_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_engine_LDFLAGS = -Wl,--wrap=broker_request
tests_unit_test_engine_LDADD = $(use_engine) $(CHECK_LIBS)
tests_unit_test_engine_bounds_SOURCES = $(engine_fixture) tests/unit/engine_action.h tests/unit/test_engine_bounds.c
tests_unit_test_engine_bounds_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_engine_bounds_LDFLAGS = -Wl,--wrap=broker_request
tests_unit_test_engine_bounds_LDADD = $(use_engine) $(CHECK_LIBS)
tests_unit_test_engine_restart_SOURCES = $(engine_fixture) tests/unit/test_engine_restart.c
tests_unit_test_engine_restart_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_engine_restart_LDFLAGS = -Wl,--wrap=broker_request
tests_unit_test_engine_restart_LDADD = $(use_engine) $(CHECK_LIBS)
tests_unit_test_engine_group_watch_SOURCES = tests/unit/test_engine_group_watch.c tests/lib/cgroups.h
tests_unit_test_engine_group_watch_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_engine_group_watch_LDADD = $(use_engine) $(CHECK_LIBS)
group_fixture = $(engine_fixture) tests/unit/group_fixture.c tests/unit/group_fixture.h
tests_unit_test_engine_group_owner_SOURCES = $(group_fixture) tests/unit/test_engine_group_owner.c
tests_unit_test_engine_group_owner_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_engine_group_owner_LDFLAGS = -Wl,--wrap=broker_request
tests_unit_test_engine_group_owner_LDADD = $(use_engine) $(CHECK_LIBS)
tests_unit_test_engine_unit_owner_SOURCES = $(group_fixture) tests/unit/test_engine_unit_owner.c
tests_unit_test_engine_unit_owner_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_engine_unit_owner_LDFLAGS = -Wl,--wrap=broker_request
tests_unit_test_engine_unit_owner_LDADD = $(use_engine) $(CHECK_LIBS)
tests_unit_test_engine_owners_SOURCES = $(engine_fixture) tests/unit/test_engine_owners.c
tests_unit_test_engine_owners_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_engine_owners_LDFLAGS = -Wl,--wrap=broker_request
tests_unit_test_engine_owners_LDADD = $(use_engine) $(CHECK_LIBS)
unit_tests += tests/unit/test_engine_root_health
tests_unit_test_engine_root_health_SOURCES = $(engine_fixture) tests/unit/test_engine_root_health.c
tests_unit_test_engine_root_health_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_engine_root_health_LDFLAGS = -Wl,--wrap=broker_request
tests_unit_test_engine_root_health_LDADD = $(use_engine) $(CHECK_LIBS)
unit_tests += tests/unit/test_engine_namespaces
tests_unit_test_engine_namespaces_SOURCES = $(engine_fixture) tests/unit/test_engine_namespaces.c
tests_unit_test_engine_namespaces_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_engine_namespaces_LDFLAGS = -Wl,--wrap=broker_request
tests_unit_test_engine_namespaces_LDADD = $(use_engine) $(CHECK_LIBS)

# The engine in a made-up world; its clock and its source come before the libraries'

tests_sim_test_sim_SOURCES = \
	tests/sim/broker.c tests/sim/config.c tests/sim/happen.c tests/sim/judge.c tests/sim/kinds.h tests/sim/ledger.c \
	tests/sim/life.c tests/sim/other.c tests/sim/people.c tests/sim/probe.c tests/sim/process.c tests/sim/server.c tests/sim/settle.c tests/sim/source.c \
	tests/sim/test_sim.c tests/sim/trouble.c tests/sim/world.c tests/sim/world.h
tests_sim_test_sim_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_sim_test_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
tests_sim_test_sim_LDADD = $(use_engine)

# What mounts there are, from the kernel, for the system tests

check_PROGRAMS += tests/lib/mountids
tests_lib_mountids_LDADD = $(use_kernel)

# What the documents must have

check_PROGRAMS += tests/lib/words
tests_lib_words_LDADD = $(policy) $(model) $(config) $(kernel) $(base) $(INI_CONFIG_LIBS)

# An older kernel, for all tests

check_PROGRAMS += tests/lib/oldkernel
tests_lib_oldkernel_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
tests_lib_oldkernel_LDADD = $(SECCOMP_LIBS)
dist_check_SCRIPTS += tests/below-valgrind tests/on-kernel tests/unit/test-below-valgrind.sh
EXTRA_DIST += tests/valgrind-suppressions.txt
LOG_COMPILER = $(srcdir)/tests/on-kernel

# Processes that mount and exit at once, for the system tests

check_PROGRAMS += tests/lib/mounters

# A builder that is hostile, and the broker with a count of what that did between a comparison and the call after it

check_PROGRAMS += tests/hostile/hostile tests/hostile/counting
tests_hostile_hostile_SOURCES = tests/hostile/hostile.c tests/hostile/hostile.h tests/hostile/meddle.c \
	tests/hostile/host.c tests/hostile/names.c tests/hostile/process.c tests/hostile/windows.h
tests_hostile_hostile_LDADD = $(use_kernel)
tests_hostile_counting_SOURCES = tests/hostile/counting.c tests/hostile/windows.h
tests_hostile_counting_LDFLAGS = -Wl,--wrap=asroot_step -Wl,--wrap=kernel_status_at -Wl,--wrap=kernel_table_fill \
	-Wl,--wrap=kernel_unmount -Wl,--wrap=kernel_unmountat -Wl,--wrap=travel_check_tree -Wl,--wrap=travel_stays_inside
tests_hostile_counting_LDADD = $(use_broker)

# A filesystem that misbehaves on command, for the system tests

if HAVE_FUSE3
check_PROGRAMS += tests/lib/misfuse
endif
tests_lib_misfuse_CFLAGS = $(AM_CFLAGS) $(FUSE3_CFLAGS)
tests_lib_misfuse_LDADD = $(FUSE3_LIBS) -lpthread

# A client that is not ours, for the system tests

EXTRA_DIST += tests/varlink-go/client.go
EXTRA_DIST += tests/lib/coverage.h
if HAVE_GO_VARLINK
check_SCRIPTS = tests/varlink-go/client
CLEANFILES += tests/varlink-go/client
endif

tests/varlink-go/client: tests/varlink-go/client.go
	$(AM_V_GEN)$(MKDIR_P) $(@D) && HOME="$${HOME:-$(abs_builddir)}" GO111MODULE=off GOFLAGS= GOPATH="$${GOPATH:+$$GOPATH:}/usr/share/gocode" \
		$(GO) build -o $@ $(srcdir)/tests/varlink-go/client.go

# Tests

LAYER_OBJECTS = base=$(base) kernel=$(kernel) wire=$(wire) client=$(client) model=$(model) policy=$(policy) source=$(source) store=$(store) \
	config=$(config) report=$(report) sandbox=$(sandbox) broker=$(broker) engine=$(engine) cli=$(cli) libreaper=$(libreaper)
AM_TESTS_ENVIRONMENT = CC='$(CC)'; NM='$(NM)'; AR='$(AR)'; LAYER_OBJECTS='$(LAYER_OBJECTS)'; \
	REAPERD_BUILD_DIR='$(abs_builddir)'; REAPERD_SOURCE_DIR='$(abs_srcdir)'; CK_DEFAULT_TIMEOUT=30; \
	export CC NM AR LAYER_OBJECTS REAPERD_BUILD_DIR REAPERD_SOURCE_DIR CK_DEFAULT_TIMEOUT;
# The longest first, which waits more than it works: beside it the others cost nearly no time.
TESTS = tests/run-system $(unit_tests) $(script_tests)

# Guards that are taken out, each of which a test must notice. MUTANTS='-k NAME' for some of them.
check-mutants: all
	@REAPERD_BUILD_DIR='$(abs_builddir)' REAPERD_SOURCE_DIR='$(abs_srcdir)' CFLAGS='$(CFLAGS)' MAKE='$(MAKE)' \
		$(srcdir)/tests/mutants/run $(MUTANTS)
.PHONY: check-mutants

clean-local:
	rm -rf mutants

# The hostile builder for as long as it takes to be believed: for each seed, once for each source, all of them at once.
HOSTILE_SECONDS = 600
HOSTILE_SEEDS = 1 2 3
check-hostile: all
	@$(MAKE) check TESTS=
	@for seed in $(HOSTILE_SEEDS); do \
		REAPERD_BUILD_DIR='$(abs_builddir)' REAPERD_HOSTILE_SECONDS='$(HOSTILE_SECONDS)' REAPERD_HOSTILE_SEED="$$seed" \
			REAPERD_HOSTILE_SWAPS=100 $(srcdir)/tests/run-system -k test_hostile -rP || exit 1; \
	done
.PHONY: check-hostile

# Without the system tests and the scripts.
check-unit:
	@$(MAKE) check TESTS='$(unit_tests)'
.PHONY: check-unit

# Without the scripts alone: what they judge, sources and documents, is the same whoever compiled the programs.
check-programs:
	@$(MAKE) check TESTS='tests/run-system $(unit_tests)'
.PHONY: check-programs

# The unit tests below valgrind, or every Mth from the Nth on; first, that it sees what is wrong.
VALGRIND_PART = 1/1
check-valgrind: all
	@CC='$(CC)' $(srcdir)/tests/unit/test-below-valgrind.sh
	@REAPERD_TEST_VALGRIND=yes $(MAKE) check TESTS="$$(printf '%s\n' $(filter-out tests/sim/%,$(unit_tests)) | \
		awk -v part='$(VALGRIND_PART)' 'BEGIN { split(part, of, "/") } NR % of[2] == of[1] % of[2]' | tr '\n' ' ')"
.PHONY: check-valgrind

# What can be said without running anything, by tools that only who changes the sources needs. TOOLS names some of them (LINT is a variable of make's own).
lint_cflags = $(MOUNT_CFLAGS) $(SMARTCOLS_CFLAGS) $(JANSSON_CFLAGS) $(INI_CONFIG_CFLAGS) $(SQLITE_CFLAGS) $(SECCOMP_CFLAGS) \
	$(CAPNG_CFLAGS) $(SYSTEMD_CFLAGS) $(FUSE3_CFLAGS) $(CHECK_CFLAGS)
lint: all
	LIBRARY_CFLAGS='$(lint_cflags)' REAPERD_BUILD_DIR='$(abs_builddir)' $(srcdir)/tests/lint $(TOOLS)
.PHONY: lint
