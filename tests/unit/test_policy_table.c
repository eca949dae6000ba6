/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is decided, as tables for a person to read; every cell of them is held against the policy. A new evidence,
 * verdict, state or hold without a row here does not compile, or fails the first test.
 */
#include <errno.h>

#include "policy_fixture.h"
#include "run_suite.h"

#define UNUSED_TIME 0

/*
 * What one piece of evidence amounts to. A letter for each case:
 *     k  keeps: it is shown, the action stays active     r  reaps after the grace (waits, and is asked again, before)
 *     s  suspect: shown, never reaped                    R  reaps at once
 * in four cases each: as it is; with reap-root = yes; a person asked to reap now; both.
 */
struct row {
	enum evidence evidence;
	bool asked;    /* must be confirmed by asking when the grace is over; else it was said once and stays said */
	int64_t grace; /* which one; UNUSED_TIME where none is ever waited for */
	const char *left_out, *included;	   /* by reap-when */
	const char *aged_left_out, *aged_included; /* the same of an action registered with a max-age of its own */
};

/* clang-format off */
static const struct row of_an_action[] = {
	/*                         asked  grace          left out  included  left out  included
	                                                                     with an age of its own */
	{ EVIDENCE_ENDED,          false, UNUSED_TIME,   "ssRR",   "RRRR",   "ssRR",   "RRRR" },
	{ EVIDENCE_MISSING,        true,  GRACE,         "ssRR",   "rrRR",   "ssRR",   "rrRR" },
	{ EVIDENCE_REPLACED,       true,  GRACE,         "ssRR",   "rrRR",   "ssRR",   "rrRR" },
	{ EVIDENCE_MOVED,          true,  GRACE,         "ssRR",   "rrRR",   "ssRR",   "rrRR" },
	{ EVIDENCE_SOURCE_DELETED, true,  GRACE,         "ssRR",   "rrRR",   "ssRR",   "rrRR" },
	{ EVIDENCE_OWNER_EXITED,   false, GRACE,         "ssRR",   "rrRR",   "ssRR",   "rrRR" },
	{ EVIDENCE_HOLLOW,         true,  GRACE_HOLLOW,  "ssRR",   "rrRR",   "ssRR",   "rrRR" },
	{ EVIDENCE_DEAD,           true,  GRACE,         "sssR",   "srsR",   "sssR",   "srsR" },
	{ EVIDENCE_STALE_COPY,     false, UNUSED_TIME,   "ssss",   "ssss",   "ssss",   "ssss" },
	{ EVIDENCE_EXPIRED,        false, GRACE,         "ssRR",   "rrRR",   "rrRR",   "rrRR" },
	{ EVIDENCE_HUNG,           false, UNUSED_TIME,   "kkkk",   "kkkk",   "kkkk",   "kkkk" },
	{ EVIDENCE_UNKNOWN,        false, UNUSED_TIME,   "kkkk",   "kkkk",   "kkkk",   "kkkk" },
};

/* What a mount may have of its own while its action lives. */
static const struct row of_a_mount[] = {
	{ EVIDENCE_MOVED,          true,  GRACE,         "ssRR",   "rrRR",   "ssRR",   "rrRR" },
	{ EVIDENCE_SOURCE_DELETED, true,  GRACE,         "ssRR",   "rrRR",   "ssRR",   "rrRR" },
	{ EVIDENCE_STALE_COPY,     false, UNUSED_TIME,   "ssss",   "ssss",   "ssss",   "ssss" },
};

/* What holds a reap back. Where several do, the first of this table is named. */
enum mode { ROOT_OBSERVES, ALL_OBSERVE, ROOT_PAUSED, ALL_PAUSED, BRAKE, MODE_COUNT };
static const struct { enum mode mode; enum hold hold; } modes[] = {
	{ ROOT_OBSERVES, HOLD_OBSERVE },
	{ ALL_OBSERVE,   HOLD_OBSERVE },
	{ ROOT_PAUSED,   HOLD_PAUSED },
	{ ALL_PAUSED,    HOLD_PAUSED },
	{ BRAKE,         HOLD_BRAKE },
};

/* The state that a verdict on an action with mounts makes. */
static const struct { enum verdict verdict; enum action_state free, held, with_stuck_mount; } states[] = {
	{ VERDICT_KEEP,    ACTION_ACTIVE,  ACTION_ACTIVE,  ACTION_ACTIVE },
	{ VERDICT_SUSPECT, ACTION_SUSPECT, ACTION_SUSPECT, ACTION_SUSPECT },
	{ VERDICT_WAIT,    ACTION_OVER,    ACTION_OVER,    ACTION_OVER },
	{ VERDICT_RECHECK, ACTION_OVER,    ACTION_OVER,    ACTION_OVER },
	{ VERDICT_REAP,    ACTION_REAPING, ACTION_OVER,    ACTION_STUCK },
};

/* From each state the changes that are allowed (+), refused as a bug of ours (-), or none (=). */
static const struct { enum action_state from; const char *to; } changes[] = {
	/*                 active suspect over reaping cleared stuck */
	{ ACTION_ACTIVE,  "=      +       +    +       +       +" },
	{ ACTION_SUSPECT, "+      =       +    +       +       +" },
	{ ACTION_OVER,    "+      +       =    +       +       +" },
	{ ACTION_REAPING, "+      +       +    =       +       +" },
	{ ACTION_CLEARED, "+      +       +    +       =       -" },
	{ ACTION_STUCK,   "+      +       +    +       +       =" },
};
/* clang-format on */

_Static_assert(ARRAY_SIZE(of_an_action) == EVIDENCE_COUNT, "each evidence has its row");
_Static_assert(ARRAY_SIZE(modes) == MODE_COUNT, "each mode has its row");
_Static_assert(ARRAY_SIZE(states) == VERDICT_COUNT, "each verdict has its row");
_Static_assert(ARRAY_SIZE(changes) == ACTION_STATE_COUNT, "each state has its row");
_Static_assert(HOLD_BRAKE == 3 && HOLD_COUNT == 15,
	       "a new hold is one of a mode, or belongs to the tests of the order, or of who asks (test_engine)");

static char change_to(size_t from, size_t to)
{
	size_t column = 0;

	for (const char *at = changes[from].to; *at; at++)
		if (*at != ' ' && column++ == to)
			return *at;
	return '\0';
}

static void check_letters(const char *letters)
{
	ck_assert_ptr_nonnull(letters);
	must(strlen(letters) == 4);
	must(strspn(letters, "ksrR") == 4);
}

START_TEST(no_cell_is_missing_and_none_is_there_twice)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_an_action); i++) {
		must(of_an_action[i].evidence == i);
		check_letters(of_an_action[i].left_out);
		check_letters(of_an_action[i].included);
		check_letters(of_an_action[i].aged_left_out);
		check_letters(of_an_action[i].aged_included);
	}
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		must(modes[i].mode == i);
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		must(states[i].verdict == i);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		must(changes[i].from == i);
		for (unsigned to = 0; to < ACTION_STATE_COUNT; to++)
			must(change_to(i, to) != '\0');
		must(change_to(i, ACTION_STATE_COUNT) == '\0');
		must(change_to(i, i) == '=');
	}
}
END_TEST

/* One action with one mount, in circumstances that the loops below set. */
struct cell {
	const struct row *row;
	struct action *action;
	struct mount *mount;
	bool of_mount; /* its own evidence, not the action's */
	char letter;
	enum hold hold;
};

static struct decision decide(const struct cell *cell, struct now now)
{
	return cell->of_mount ? policy_decide_mount(cell->mount, &facts, now) :
				policy_decide_action(cell->action, &facts, now);
}

static void check_states(const struct cell *cell, const struct decision *decision)
{
	struct action *action = cell->action;

	for (unsigned stuck = 0; stuck < 2; stuck++) {
		enum action_state expected = stuck			 ? states[decision->verdict].with_stuck_mount :
					     decision->hold != HOLD_NONE ? states[decision->verdict].held :
									   states[decision->verdict].free;

		cell->mount->state = stuck ? MOUNT_STUCK : MOUNT_ATTACHED;
		for (unsigned from = 0; from < ACTION_STATE_COUNT; from++) {
			char change = change_to(from, expected);

			action->state = from;
			must(policy_state(action, decision) == expected);
			must(policy_set_state(action, expected) == (change == '-' ? -EINVAL : 0));
			must(action->state == (change == '-' ? from : expected));
		}
	}
	cell->mount->state = MOUNT_ATTACHED;
	action->state = ACTION_ACTIVE;
}

static void check_verdict(const struct cell *cell, struct now now, enum verdict verdict)
{
	/* From whichever state it comes: what was decided before does not weigh. */
	for (unsigned from = 0; from < ACTION_STATE_COUNT; from++) {
		struct decision decision;

		cell->action->state = from;
		decision = decide(cell, now);
		if (decision.verdict != verdict)
			ck_abort_msg("%s, letter %c, from %s: %s instead of %s", evidence_name(cell->row->evidence),
				     cell->letter, action_state_name(from), verdict_name(decision.verdict),
				     verdict_name(verdict));
		must(decision.hold == (verdict == VERDICT_REAP ? cell->hold : HOLD_NONE));
		must(decision.action == cell->action);
		must(decision.mount == (cell->of_mount ? cell->mount : NULL));
		if (verdict != VERDICT_KEEP)
			must(decision.because == cell->row->evidence);
		if (verdict == VERDICT_WAIT)
			must(decision.due == at(10).mono + cell->row->grace);
		if (from == 0 && !cell->of_mount)
			check_states(cell, &decision);
	}
}

static void set_evidence(const struct cell *cell, struct now now)
{
	struct evidence_state *own =
		cell->row->evidence == EVIDENCE_MOVED ? &cell->mount->moved : &cell->mount->source_deleted;

	if (!cell->of_mount) {
		policy_evidence_set(cell->action, cell->row->evidence, now);
		return;
	}
	if (!(cell->mount->evidence & EVIDENCE_BIT(cell->row->evidence)))
		own->since = now;
	cell->mount->evidence |= EVIDENCE_BIT(cell->row->evidence);
	own->checked = now;
}

static void clear_evidence(const struct cell *cell, struct now now)
{
	cell->mount->evidence = 0;
	cell->mount->moved = cell->mount->source_deleted = (struct evidence_state){ 0 };
	if (!cell->of_mount)
		must(policy_evidence_clear(cell->action, cell->row->evidence));
	must(decide(cell, now).verdict == VERDICT_KEEP);
}

static void check_cell(const struct cell *cell)
{
	struct now since = at(10), end = since, before;

	end.mono += cell->row->grace;
	before = (struct now){ .mono = end.mono - 1, .real = end.real };
	set_evidence(cell, since);
	if (cell->letter == 'k' || cell->letter == 's') {
		check_verdict(cell, since, cell->letter == 'k' ? VERDICT_KEEP : VERDICT_SUSPECT);
		check_verdict(cell, at(1000000), cell->letter == 'k' ? VERDICT_KEEP : VERDICT_SUSPECT);
	} else if (cell->letter == 'R') {
		check_verdict(cell, since, VERDICT_REAP);
	} else {
		must(cell->row->grace > 0);
		check_verdict(cell, since, VERDICT_WAIT);
		check_verdict(cell, before, VERDICT_WAIT);
		check_verdict(cell, end, cell->row->asked ? VERDICT_RECHECK : VERDICT_REAP);
		set_evidence(cell, before);
		check_verdict(cell, end, cell->row->asked ? VERDICT_RECHECK : VERDICT_REAP);
		set_evidence(cell, end);
		check_verdict(cell, end, VERDICT_REAP);
	}
	clear_evidence(cell, end);
}

/* Any set of modes at once; the hold that comes of it. */
static enum hold set_modes(struct root *root, unsigned set)
{
	root->rules.mode = set & 1u << ROOT_OBSERVES ? ROOT_MODE_OBSERVE : ROOT_MODE_ENFORCE;
	root->paused = set & 1u << ROOT_PAUSED;
	facts = (struct policy_facts){
		.observe = set & 1u << ALL_OBSERVE,
		.paused = set & 1u << ALL_PAUSED,
		.brake_until = set & 1u << BRAKE ? INT64_MAX : 0,
	};
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (set & 1u << modes[i].mode)
			return modes[i].hold;
	return HOLD_NONE;
}

static void check_cases(struct cell *cell, const char *letters)
{
	for (unsigned now_and_root = 0; now_and_root < 4; now_and_root++)
		for (unsigned set = 0; set < 1u << MODE_COUNT; set++)
			for (unsigned registered = 0; registered < 2; registered++) {
				cell->action->registered = registered;
				cell->action->root->rules.reap_root = now_and_root & 1;
				cell->action->reap_now = now_and_root & 2;
				cell->hold = set_modes(cell->action->root, set);
				cell->letter = letters[now_and_root];
				check_cell(cell);
			}
}

static void check_row(const struct row *row, struct mount *mount, bool of_mount)
{
	struct cell cell = { .row = row, .mount = mount, .action = mount->action, .of_mount = of_mount };
	uint32_t *reap_when = &cell.action->root->rules.reap_when;

	must(policy_is_asked_of_the_filesystem(row->evidence) == row->asked);
	for (unsigned aged = 0; aged < 2; aged++) {
		cell.action->owner.max_age = aged ? NSEC_PER_SEC : 0;
		/* Alone and with all others: what else is included is of no account. */
		*reap_when = EVIDENCE_BIT(row->evidence);
		check_cases(&cell, aged ? row->aged_included : row->included);
		*reap_when = UINT32_MAX;
		check_cases(&cell, aged ? row->aged_included : row->included);
		*reap_when = ~EVIDENCE_BIT(row->evidence);
		check_cases(&cell, aged ? row->aged_left_out : row->left_out);
		*reap_when = 0;
		check_cases(&cell, aged ? row->aged_left_out : row->left_out);
	}
}

START_TEST(every_evidence_of_an_action_is_decided_by_its_row)
{
	struct mount *root = attach_type(1, "/b", "fuse.x", at(0));

	/* With reap-root = yes: of the root's own mount, when that has answered as dead. */
	model_roots(model)->dead_mount = root->facts.id;
	check_row(&of_an_action[_i], attach_type(root->facts.id, "/b/a/proc", "tmpfs", at(0)), false);
}
END_TEST

START_TEST(every_evidence_of_a_mount_alone_is_decided_by_its_row)
{
	check_row(&of_a_mount[_i], attach("/b/a/proc"), true);
}
END_TEST

START_TEST(a_mount_that_is_no_actions_is_kept_whatever_is_said_of_it)
{
	struct mount *mount = attach("/b/.hidden/proc");

	ck_assert_ptr_null(mount->action);
	mount->evidence = UINT32_MAX;
	must(policy_decide_mount(mount, &facts, at(1000000)).verdict == VERDICT_KEEP);
}
END_TEST

START_TEST(the_brake_holds_until_its_time_and_no_longer)
{
	struct action *action = attach("/b/a/proc")->action;

	policy_evidence_set(action, EVIDENCE_ENDED, at(10));
	facts.brake_until = at(20).mono;
	must(policy_decide_action(action, &facts, (struct now){ .mono = at(20).mono - 1 }).hold == HOLD_BRAKE);
	must(policy_decide_action(action, &facts, at(20)).hold == HOLD_NONE);
}
END_TEST

START_TEST(an_action_without_mounts_is_past_unless_it_is_registered)
{
	struct mount *mount = attach("/b/a/proc");
	struct action *action = mount->action;
	struct mount *mounts = action->mounts;

	action->mounts = NULL;
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		for (unsigned hold = 0; hold < HOLD_COUNT; hold++) {
			struct decision decision = { .verdict = verdict, .hold = hold };

			action->registered = false;
			must(policy_state(action, &decision) == ACTION_CLEARED);
			action->registered = true;
			must(policy_state(action, &decision) ==
			     (hold == HOLD_NONE ? states[verdict].free : states[verdict].held));
		}
	action->mounts = mounts;
}
END_TEST

START_TEST(every_change_of_state_is_allowed_or_refused_by_its_cell)
{
	struct action *action = attach("/b/a/proc")->action;

	for (unsigned from = 0; from < ACTION_STATE_COUNT; from++) {
		for (unsigned to = 0; to < ACTION_STATE_COUNT; to++) {
			char change = change_to(from, to);

			action->state = from;
			action->dirty = false;
			must(policy_set_state(action, to) == (change == '-' ? -EINVAL : 0));
			must(action->state == (change == '+' ? to : from));
			must(action->dirty == (change == '+'));
		}
		action->state = from;
		must(policy_set_state(action, ACTION_STATE_COUNT) == -EINVAL);
		must(action->state == from);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy-table");
	TCase *tcase = tcase_create("policy-table");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, no_cell_is_missing_and_none_is_there_twice);
	tcase_add_loop_test(tcase, every_evidence_of_an_action_is_decided_by_its_row, 0, ARRAY_SIZE(of_an_action));
	tcase_add_loop_test(tcase, every_evidence_of_a_mount_alone_is_decided_by_its_row, 0, ARRAY_SIZE(of_a_mount));
	tcase_add_test(tcase, a_mount_that_is_no_actions_is_kept_whatever_is_said_of_it);
	tcase_add_test(tcase, the_brake_holds_until_its_time_and_no_longer);
	tcase_add_test(tcase, an_action_without_mounts_is_past_unless_it_is_registered);
	tcase_add_test(tcase, every_change_of_state_is_allowed_or_refused_by_its_cell);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
