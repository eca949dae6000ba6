#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The check of the documents must fail where one is not true: a copy of them that is right, then each wrong in one way.
set -eu

tests=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
from=${REAPERD_SOURCE_DIR:-$(dirname -- "$tests")}
from=$(CDPATH='' cd -- "$from" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
failures=0
cases=0

right_documents() {
	rm -rf "$tree"
	mkdir -p "$tree/contrib"
	ln -s "$from/reaperd" "$from/cli" "$from/tests" "$tree"
	ln -s "$from"/contrib/* "$tree/contrib"
	rm "$tree/contrib/completions"
	for one in man schema docs contrib/completions README.md CONTRIBUTING.md NEWS configure.ac; do
		cp -R "$from/$one" "$tree/$one"
	done
	chmod -R u+w "$tree/man" "$tree/schema" "$tree/docs" "$tree/contrib" "$tree/README.md" "$tree/CONTRIBUTING.md" "$tree/NEWS"
}

# expect STATUS PATTERN NAME
expect() {
	cases=$((cases + 1))
	status=0
	REAPERD_SOURCE_DIR=$tree "$tests/check-documents" >"$work/output" 2>&1 || status=$?
	judge "$@"
	right_documents
}

judge() {
	if [ "$status" -eq "$1" ] && grep -q -e "$2" "$work/output"; then
		echo "ok: $3"
	else
		echo "FAILED: $3: exit status $status, expected $1 and \"$2\"; it said:"
		sed 's/^/    /' "$work/output"
		failures=$((failures + 1))
	fi
}

# edit FILE SED-EXPRESSION: which must change something.
edit() {
	sed "$2" "$tree/$1" >"$work/edited"
	! cmp -s "$work/edited" "$tree/$1" || { echo "FAILED: \"$2\" changes nothing in $1"; failures=$((failures + 1)); }
	cat "$work/edited" >"$tree/$1"
}

right_documents
expect 0 'are as the documents say' what_is_true_passes

edit man/reaperctl.8 '/^\.Ss resume/d'
expect 1 'commands of reaperctl(8): resume is missing' a_command_is_in_its_page
edit man/reaperctl.8 's/^\.Ss resume/.Ss replay/'
expect 1 'replay is in the document, and the program does not know it' a_page_has_no_command_that_is_not_built
edit contrib/completions/reaperctl.bash 's/pause resume begin/pause begin/'
expect 1 'commands of the completion: resume is missing' a_command_is_completed

edit man/reaperctl.8 's/^\.It Fl -pid .*/.It Fl -process Ar pid/'
expect 1 'options of begin: --pid is missing' an_option_is_in_its_page
edit man/reaperctl.8 's/^\.It Fl -pid .*/.It Fl -process Ar pid/'
expect 1 'options of begin: --process is in the document' a_page_has_no_option_that_is_not_there
edit man/reaperctl.8 '/^\.It Fl -noheadings/d'
expect 1 'options of reaperctl(8): --noheadings is missing' a_global_option_is_in_its_page
edit contrib/completions/reaperctl.bash 's/--root --generation/--root/'
expect 1 'options of end in the completion: --generation is missing' an_option_is_completed
edit man/reaperd.8 '/^\.It Fl -once/d'
expect 1 'options of reaperd(8): --once is missing' an_option_of_the_daemon_is_in_its_page
edit man/reaperd.8 '/^\.Cm listmount$/d'
expect 1 'sources in reaperd(8): listmount is missing' a_source_of_the_daemon_is_in_its_page
edit man/reaperctl.8 '/^\.It Cm DETACHED-BY/d'
expect 1 'columns of mounts: DETACHED-BY is missing' a_column_of_a_table_is_in_its_page

edit man/reaperd.conf.5 's/^\.It Cm protect No =.*/.It Cm spare No =/'
expect 1 'keys of \[root\] in reaperd.conf(5): protect is missing' a_key_is_in_its_page
edit man/reaperd.conf.5 's/^\.It Cm grace No = Li 5s/.It Cm grace No = Li 6s/'
expect 1 'the default of grace is "5s", not "6s"' a_default_is_the_real_one
edit man/reaperd.conf.5 's/^match = /matsch = /'
expect 1 'example 1 of reaperd.conf(5): .*matsch' an_example_configuration_is_valid

edit man/reaperd-ledger.5 '/^\.It Cm mounts_ever/d'
expect 1 'columns of action_history in reaperd-ledger(5): mounts_ever is missing' a_column_of_a_view_is_in_its_page
edit schema/0002_views.sql 's/^	a.ended AS ended_ns/	a.ended AS ended_ns, 1 AS one_more/'
expect 1 'columns of action_history in reaperd-ledger(5): one_more is missing' a_new_column_is_missed
edit man/reaperd-ledger.5 's/^\.It Cm attempts Ta INTEGER/.It Cm attempts Ta TEXT/'
expect 1 'leftovers.attempts is INTEGER, not TEXT' a_column_has_its_type
edit man/reaperd-ledger.5 's/^FROM leftovers ORDER BY attached_ns;/FROM leftovers ORDER BY attached_us;/'
expect 1 'example 1 of reaperd-ledger(5): no such column' an_example_query_is_valid

edit man/reaperd.8 '/^\.It Ic reaperd_stuck_mounts/d'
expect 1 'metrics in reaperd(8): reaperd_stuck_mounts is missing' a_metric_is_in_its_page
edit man/reaperctl.8 '/^\.It Ic reaperd_audit_clean/d'
expect 1 'metrics of an audit in reaperctl(8): reaperd_audit_clean is missing' a_metric_of_an_audit_is_in_its_page
edit man/reaperd.8 '/^\.It Cm source-deleted/d'
expect 1 'evidence in reaperd(8): source-deleted is missing' evidence_is_in_its_page
edit man/reaperd.8 '/^\.It Cm locked/d'
expect 1 'steps, outcomes and holds in reaperd(8): locked is missing' an_outcome_is_in_its_page
edit man/reaperd.8 '0,/^\.It Cm stuck$/s//.It Cm over/'
expect 1 'states and health in reaperd(8): stuck (2) is missing' a_state_that_two_kinds_share_is_in_both_lists
edit man/reaperctl.8 '/^\.It Cm rescan/d'
expect 1 'event types in reaperctl(8): rescan is missing' an_event_type_is_in_its_page
edit man/reaperctl.8 's/parent_made_private/parent_cut/'
expect 1 'details of events in reaperctl(8): parent_made_private is missing' a_detail_of_an_event_is_in_its_page
edit man/reaperctl.8 's/^\.Cm recheck$/.Cm ask/'
expect 1 'verdicts and holders in reaperctl(8): recheck is missing' a_verdict_is_in_its_page

edit schema/io.reaperd.varlink 's/^method Reload/method Forget() -> ()\nmethod Reload/'
expect 1 'methods in reaperd(8): Forget is missing' a_method_is_in_its_page
edit schema/io.reaperd.varlink 's/^  wakeups: int/  wakeups: int,\n  moods: int/'
expect 1 'JSON keys in reaperctl(8): moods is missing' a_key_of_json_is_in_its_page
edit man/reaperd.8 's/NOTIFY_SOCKET/NOTIFY_PLUG/'
expect 1 'environment variables: NOTIFY_SOCKET is missing' an_environment_variable_is_in_its_page
edit man/reaperctl.8 '/^\.It 5$/d'
expect 1 'exit statuses in reaperctl(8): 5 is missing' an_exit_status_is_in_its_page
edit man/reaperctl.8 's/^reaperctl reap --leftovers --wait/reaperctl reap --leftovers --await/'
expect 1 'example of reaperctl(8): .*--await' an_example_command_is_valid

echo '[nowhere](docs/no-such-file.md)' >>"$tree/README.md"
expect 1 'README.md: there is no docs/no-such-file.md' a_link_leads_somewhere
# shellcheck disable=SC2016 # Markdown's quotes, not the shell's
edit CONTRIBUTING.md 's,`reaperd/policy/decide.c`,`reaperd/policy/decides.c`,'
expect 1 'CONTRIBUTING.md: there is no reaperd/policy/decides.c' a_file_that_is_named_is_there
# shellcheck disable=SC2016 # the same
edit docs/security.md 's/`4-\*`/`4-none-*`/'
expect 1 'there is no mutant 4-none-' a_mutant_that_is_named_is_there
edit NEWS '1s/.*/reaperd 0.0.0/'
expect 1 'NEWS does not begin with reaperd' news_begin_with_this_version

# The pages themselves.
if command -v mandoc >/dev/null || command -v groff >/dev/null; then
	cases=$((cases + 1))
	printf '.It outside of any list\n' >>"$tree/man/reaperd.8"
	status=0
	REAPERD_SOURCE_DIR=$tree "$tests/check-manuals" >"$work/output" 2>&1 || status=$?
	judge 1 'reaperd.8' a_wrong_macro_is_said
fi

echo "$cases cases, $failures failed"
[ "$failures" -eq 0 ]
