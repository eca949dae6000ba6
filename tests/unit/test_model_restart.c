/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model that takes up what was known before a restart. */
#include "model_fixture.h"
#include "run_suite.h"

static void restore_all(struct fake *fake, struct action *action, bool with_texts)
{
	for (size_t i = 0; i < fake->count; i++) {
		struct scan scan = { 0 };
		struct mount *mount;

		fake_fill(fake, &fake->mounts[i], &scan);
		if (!with_texts) {
			free(scan.mounts[0].super_options);
			scan.mounts[0].super_options = NULL;
			scan.mounts[0].parent = 0;
		}
		mount = model_restore_mount(fake->model, &scan.mounts[0], i >= 2 ? action : NULL);
		ck_assert_ptr_nonnull(mount);
		mount->first_seen = (struct now){ .mono = 5, .real = 5 };
		mount->row = (int64_t)i + 1;
		scan_clear(&scan);
	}
}

START_TEST(restored_mounts_are_met_again_in_silence)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *action = model_restore_action(fake->model, fake_root(fake), 2, "/", "a", "a", 7);

	action->row = 70;
	restore_all(fake, action, _i);
	feed(fake);
	ck_assert_uint_eq(fake->changes.count, 0);
	ck_assert_ptr_eq(known(fake, id)->action, action);
	ck_assert_uint_eq(action->generation, 7);
	ck_assert_ptr_eq(action->instance, visible(fake));
	ck_assert(known(fake, id)->restored);
	ck_assert_int_eq(known(fake, id)->first_seen.real, 5);
	ck_assert_int_eq(known(fake, id)->row, 3);
	ck_assert(!action->dirty);
	ck_assert(action_named(fake, "a") == action);
	fake_free(fake);
}
END_TEST

START_TEST(what_went_and_came_while_not_watching_is_told)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *action = model_restore_action(fake->model, fake_root(fake), 2, "/", "a", "a", 7);

	restore_all(fake, action, true);
	fake_umount(fake, id);
	fake_mount(fake, ROOT "/a/x", "tmpfs", 12);
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_DETACH), 1);
	ck_assert_uint_eq(changes_of(fake, EVENT_ATTACH), 1);
	ck_assert_uint_eq(action->mount_count, 1);
	fake_free(fake);
}
END_TEST

START_TEST(moved_while_not_watching_is_moved)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *action = model_restore_action(fake->model, fake_root(fake), 2, "/", "a", "a", 7);

	restore_all(fake, action, true);
	fake_rename(fake, ROOT "/a", ROOT "/.trash/a");
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_MOVE), 1);
	ck_assert_ptr_eq(known(fake, id)->action, action);
	ck_assert(has_evidence(known(fake, id), EVIDENCE_MOVED));
	fake_free(fake);
}
END_TEST

START_TEST(restored_action_of_another_directory_keeps_to_it)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/a/x", "tmpfs", 11);
	struct action *action = model_restore_action(fake->model, fake_root(fake), 99, "/", "a", "a", 7);

	feed(fake);
	ck_assert_ptr_ne(known(fake, id)->action, action);
	ck_assert_uint_eq(known(fake, id)->action->generation, 8);
	ck_assert(!action->instance->visible);
	fake_free(fake);
}
END_TEST

START_TEST(restored_synthetic_ids_are_not_given_again)
{
	struct fake *fake = fake_new();
	struct scan scan = { 0 };
	struct mount *restored;

	fake->unique_ids = false;
	fake_fill(fake, &fake->mounts[0], &scan);
	scan.mounts[0].id = MOUNT_ID_SYNTHETIC | 1000;
	restored = model_restore_mount(fake->model, &scan.mounts[0], NULL);
	scan_clear(&scan);
	feed(fake);
	ck_assert_uint_eq(changes_of(fake, EVENT_ATTACH), 1);
	ck_assert_uint_eq(fake->changes.count, 1);
	ck_assert_ptr_eq(model_mount_for_path(fake->model, "/"), restored);
	ck_assert_uint_eq(model_mount_for_path(fake->model, ROOT)->facts.id, MOUNT_ID_SYNTHETIC | 1001);
	fake_free(fake);
}
END_TEST

START_TEST(evidence_of_restored_mounts_starts_afresh_without_unique_ids)
{
	struct fake *fake = fake_new();
	uint64_t id = fake_mount(fake, ROOT "/.trash/a/x", "tmpfs", 11);
	struct action *action = model_restore_action(fake->model, fake_root(fake), 2, "/", "a", "a", 7);

	restore_all(fake, action, true);
	fake->unique_ids = _i;
	known(fake, id)->evidence = EVIDENCE_BIT(EVIDENCE_MOVED);
	known(fake, id)->moved.since = (struct now){ .mono = 5, .real = 5 };
	known(fake, id)->joined = (struct now){ .mono = 4, .real = 4 };
	known(fake, id)->confirmed = true;
	known(fake, id)->next_step = 1;
	action->owner.kind = OWNER_ATTESTED;
	feed(fake);
	ck_assert_uint_eq(fake->changes.count, 0);
	ck_assert_uint_eq(known(fake, id)->evidence, EVIDENCE_BIT(EVIDENCE_MOVED));
	ck_assert_int_eq(known(fake, id)->moved.since.real, fake->unique_ids ? 5 : fake->now.real);
	ck_assert_int_eq(known(fake, id)->joined.real, fake->unique_ids ? 4 : fake->now.real);
	ck_assert(known(fake, id)->confirmed == fake->unique_ids);
	ck_assert_uint_eq(known(fake, id)->next_step, fake->unique_ids ? 1 : 0);
	ck_assert_int_eq(action->owner.kind, fake->unique_ids ? OWNER_ATTESTED : OWNER_INFERRED);
	fake_free(fake);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model: restart");
	TCase *tests = tcase_create("restart");

	tcase_add_loop_test(tests, restored_mounts_are_met_again_in_silence, 0, 2);
	tcase_add_test(tests, what_went_and_came_while_not_watching_is_told);
	tcase_add_test(tests, moved_while_not_watching_is_moved);
	tcase_add_test(tests, restored_action_of_another_directory_keeps_to_it);
	tcase_add_loop_test(tests, evidence_of_restored_mounts_starts_afresh_without_unique_ids, 0, 2);
	tcase_add_test(tests, restored_synthetic_ids_are_not_given_again);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
