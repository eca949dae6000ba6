/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Seeded sequences of what happens to a mount table. After each step the model is compared with the table itself: by
 * complete readings, by readings of what changed, and without unique ids.
 */
#include <errno.h>

#include "../lib/skip.h"
#include "model_fixture.h"
#include "quick_asserts.h"
#include "run_suite.h"

#define STEPS ((size_t)(BELOW_VALGRIND ? 20 : 300))

static uint64_t state;

static uint32_t random_below(uint32_t bound)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(state >> 33) % bound;
}

static const char *const places[] = {
	ROOT,
	"/worker",
	"/mnt",
	ROOT "/a",
	ROOT "/a/proc",
	ROOT "/a/sys",
	ROOT "/a/sys/x",
	ROOT "/b/proc",
	ROOT "/b/sys",
	ROOT "/10/proc",
	ROOT "/1/proc",
	ROOT "/.cache",
	ROOT "/.trash/a/proc",
	ROOT "/trash-1/b",
	ROOT "/c",
};

static const char *const renames[][2] = {
	{ ROOT "/a", ROOT "/b" },	  { ROOT "/a", ROOT "/.trash/a" },
	{ ROOT "/.trash/a", ROOT "/a" },  { ROOT "/b", ROOT "/c" },
	{ ROOT "/b", ROOT "/.cache" },	  { ROOT "/.cache", ROOT "/a" },
	{ ROOT "/a/sys", ROOT "/c/sys" }, { ROOT "/c", ROOT "/1" },
	{ ROOT "/1", ROOT "/10" },	  { "/mnt", ROOT "/a" },
	{ ROOT "/b/proc", "/mnt/proc" },
};

static uint64_t pick_mount(struct fake *fake)
{
	return fake->mounts[1 + random_below((uint32_t)fake->count - 1)].id;
}

static bool is_or_hangs_below(struct fake *fake, const struct fake_mount *mount, const struct fake_mount *top)
{
	while (mount != top && mount->parent != mount->id)
		mount = fake_by_id(fake, mount->parent);
	return mount == top;
}

static void retarget(struct fake *fake, struct fake_mount *top, const char *from, const char *to)
{
	for (size_t i = 0; i < fake->count; i++) {
		struct fake_mount *mount = &fake->mounts[i];
		char target[sizeof(mount->target)] = { 0 };

		if (!is_or_hangs_below(fake, mount, top))
			continue;
		snprintf(target, sizeof(target), "%s%s", to, mount->target + strlen(from));
		memcpy(mount->target, target, sizeof(target));
	}
}

/* rename(2): both names on one mount, neither a mount point, nothing mounted at or below the new one. */
static void rename_something(struct fake *fake)
{
	const char *const *names = renames[random_below(sizeof(renames) / sizeof(renames[0]))];
	struct fake_mount *on = fake_walk(fake, names[0]);

	if (fake_walk(fake, names[1]) != on || strcmp(on->target, names[0]) == 0 || strcmp(on->target, names[1]) == 0)
		return;
	for (size_t i = 0; i < fake->count; i++) {
		struct fake_mount *mount = &fake->mounts[i];

		if (mount->parent == on->id && mount != on && fake_is_at_or_below(mount->target, names[1]))
			return;
	}
	for (size_t i = 0; i < fake->count; i++) {
		struct fake_mount *mount = &fake->mounts[i];

		if (mount->parent == on->id && mount != on && fake_is_at_or_below(mount->target, names[0]))
			retarget(fake, mount, names[0], names[1]);
	}
}

/* mount --move, with everything below. */
static void move_something(struct fake *fake)
{
	struct fake_mount *mount = fake_by_id(fake, pick_mount(fake));
	const char *place = places[random_below(sizeof(places) / sizeof(places[0]))];
	struct fake_mount *parent = fake_walk(fake, place);
	char from[sizeof(mount->target)];

	if (is_or_hangs_below(fake, parent, mount))
		return;
	memcpy(from, mount->target, sizeof(from));
	mount->parent = parent->id;
	retarget(fake, mount, from, place);
}

static void step(struct fake *fake)
{
	static const uint64_t devices[] = { 2, 2, 3, 4, 5, 6 };
	static const char *const roots[] = { "/", "/", "/", "/a/out", "/.trash/a", "/x" };
	uint32_t choice = random_below(100);

	if (choice < 45 && fake->count < 60)
		fake_mount_from(fake, places[random_below(sizeof(places) / sizeof(places[0]))], "tmpfs",
				devices[random_below(6)], roots[random_below(6)]);
	else if (choice < 75 && fake->count > 1)
		fake_umount(fake, pick_mount(fake));
	else if (choice < 87)
		rename_something(fake);
	else if (choice < 90 && fake->count > 1)
		move_something(fake);
	else if (choice < 95 && fake->count > 1)
		fake_by_id(fake, pick_mount(fake))->deleted ^= 1;
	else if (fake->count > 1)
		strcpy(fake_by_id(fake, pick_mount(fake))->options, random_below(2) ? "ro" : "rw");
}

/* What the model says of a mount must be what the table says. */
static void compare_mount(struct fake *fake, const struct fake_mount *wanted, struct mount *mount)
{
	ck_assert_str_eq(mount->facts.target, wanted->target);
	ck_assert_str_eq(mount->facts.options, wanted->options);
	ck_assert_str_eq(mount->facts.root, wanted->root);
	ck_assert_uint_eq(mount->facts.id32, wanted->id32);
	if (wanted->parent != wanted->id)
		ck_assert_uint_eq(mount->parent->facts.id32, fake_by_id(fake, wanted->parent)->id32);
	ck_assert(model_mount_is_reachable(fake->model, mount) == (fake_walk(fake, wanted->target) == wanted));
	ck_assert(!mount->instance == (strncmp(wanted->target, ROOT "/", strlen(ROOT "/")) != 0));
}

static struct mount *by_id32(struct fake *fake, uint32_t id32);

static void compare(struct fake *fake)
{
	const struct mount_namespace *ns = fake->ns ? fake->ns : model_namespaces(fake->model);

	ck_assert_uint_eq(ns->mounts, fake->count);
	for (size_t i = 0; i < fake->count; i++) {
		const struct fake_mount *wanted = &fake->mounts[i];

		compare_mount(fake, wanted, fake->unique_ids ? known(fake, wanted->id) : by_id32(fake, wanted->id32));
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		ck_assert_uint_eq(model_mount_in(fake->model, ns, places[i])->facts.id32,
				  fake_walk(fake, places[i])->id32);
}

struct wanted_id {
	uint32_t id32;
	struct mount *found;
};

static int match_id32(void *context, struct mount *mount)
{
	struct wanted_id *wanted = context;

	if (mount->facts.id32 == wanted->id32)
		wanted->found = mount;
	return 0;
}

static struct mount *by_id32(struct fake *fake, uint32_t id32)
{
	struct wanted_id wanted = { .id32 = id32 };

	model_each_mount(fake->model, match_id32, &wanted);
	ck_assert_ptr_nonnull(wanted.found);
	return wanted.found;
}

/* What a source with unique ids would hand in: what is new or was changed, and what went. */
static void read_changes(struct fake *fake, const struct fake *before, struct scan *scan)
{
	scan->unique_ids = true;
	for (size_t i = fake->count; i-- > 0;) {
		const struct fake_mount *old = fake_by_id((struct fake *)before, fake->mounts[i].id);

		if (!old || memcmp(old, &fake->mounts[i], sizeof(*old)) != 0 || random_below(8) == 0)
			fake_fill(fake, &fake->mounts[i], scan);
	}
	for (size_t i = 0; i < before->count; i++) {
		if (!fake_by_id(fake, before->mounts[i].id))
			ck_assert_int_eq(scan_add_gone(scan, before->mounts[i].id, NULL), 0);
	}
}

/* What an engine does with what it is told. */
static void engine(struct fake *fake)
{
	for (size_t i = 0; i < fake->changes.count; i++) {
		struct mount *mount = fake->changes.items[i].mount;

		if (!mount->action)
			continue;
		if (fake->changes.items[i].type != EVENT_DETACH) {
			if (mount->action->state == ACTION_CLEARED)
				mount->action->state = ACTION_ACTIVE;
		} else if (mount->action->mount_count == 0 && mount->action->state != ACTION_CLEARED) {
			mount->action->state = ACTION_CLEARED;
			if (random_below(4) == 0)
				model_forget_action(fake->model, mount->action);
			else if (random_below(4) == 0)
				mount->action->evidence = EVIDENCE_BIT(EVIDENCE_MISSING);
		}
	}
}

START_TEST(complete_readings_follow_the_table)
{
	struct fake *fake = fake_new();

	state = (uint64_t)_i + 1;
	for (size_t i = 0; i < STEPS; i++) {
		for (uint32_t steps = 1 + random_below(4); steps > 0; steps--)
			step(fake);
		feed(fake);
		compare(fake);
		engine(fake);
	}
	fake_free(fake);
}
END_TEST

START_TEST(partial_readings_follow_the_table)
{
	struct fake *fake = fake_new(), *before = malloc(sizeof(*before));

	state = (uint64_t)_i + 1001;
	feed(fake);
	for (size_t i = 0; i < STEPS; i++) {
		struct scan scan = { 0 };

		memcpy(before, fake, sizeof(*before));
		for (uint32_t steps = 1 + random_below(4); steps > 0; steps--)
			step(fake);
		read_changes(fake, before, &scan);
		feed_scan(fake, &scan);
		compare(fake);
		engine(fake);
		if (random_below(50) == 0)
			set_layout(fake, random_below(2) ? "{action}" : "*/{action}");
	}
	free(before);
	fake_free(fake);
}
END_TEST

START_TEST(readings_without_unique_ids_follow_the_table)
{
	struct fake *fake = fake_new();

	state = (uint64_t)_i + 2001;
	fake->unique_ids = false;
	for (size_t i = 0; i < STEPS; i++) {
		for (uint32_t steps = 1 + random_below(4); steps > 0; steps--)
			step(fake);
		feed(fake);
		compare(fake);
		engine(fake);
	}
	fake_free(fake);
}
END_TEST

/*
 * What the kernel knows to be another mount, the model may take for the one that it knew only where it stands at the
 * very same place: there nothing may be left to tell them apart.
 */
START_TEST(small_ids_never_carry_a_mount_to_another_place)
{
	struct fake *fake = fake_new();
	static struct fake_mount seen[FAKE_MAX];
	static uint64_t model_ids[FAKE_MAX];

	memset(seen, 0, sizeof(seen));
	memset(model_ids, 0, sizeof(model_ids));
	state = (uint64_t)_i + 3001;
	fake->unique_ids = false;
	for (size_t i = 0; i < STEPS; i++) {
		for (uint32_t steps = 1 + random_below(6); steps > 0; steps--)
			step(fake);
		feed(fake);
		for (size_t j = 0; j < fake->count; j++) {
			const struct fake_mount *mount = &fake->mounts[j];
			uint64_t id = by_id32(fake, mount->id32)->facts.id;

			if (model_ids[mount->id32] == id && seen[mount->id32].id != mount->id)
				ck_assert_str_eq(seen[mount->id32].target, mount->target);
			seen[mount->id32] = *mount;
			model_ids[mount->id32] = id;
		}
	}
	fake_free(fake);
}
END_TEST

/* ---- the check that all of this leans on ---- */

struct lie {
	const char *found; /* what model_verify() says of it */
	void (*tell)(struct mount *mount);
};

static void lose_parent(struct mount *mount)
{
	mount->parent = NULL;
}

static void lose_action(struct mount *mount)
{
	mount->action = NULL;
}

static void lose_instance(struct mount *mount)
{
	mount->instance = NULL;
}

static void be_above_itself(struct mount *mount)
{
	mount->parent->parent = mount;
}

static void have_moved(struct mount *mount)
{
	mount->evidence = EVIDENCE_BIT(EVIDENCE_MOVED);
}

static void have_gone(struct mount *mount)
{
	mount->gone.real = 1;
}

static void have_another_id(struct mount *mount)
{
	mount->facts.id++;
}

static void be_no_first_child(struct mount *mount)
{
	mount->parent->children = mount->sibling;
}

static void miscount_mounts(struct mount *mount)
{
	mount->action->mount_count++;
}

static void miscount_covers(struct mount *mount)
{
	mount->action->covered_by_own = true;
}

static void be_of_another_root(struct mount *mount)
{
	mount->action->root = NULL;
}

static void rename_action(struct mount *mount)
{
	mount->action->name[0] = 'z';
}

static void hide_root(struct mount *mount)
{
	mount->instance->visible = false;
}

static void be_carried_by_another(struct mount *mount)
{
	mount->instance->carrier = mount;
}

static const struct lie lies[] = {
	{ "has no parent, though it is known", lose_parent },
	{ "is not its place's action's", lose_action },
	{ "miscounts its mounts", lose_instance },
	{ "is above itself", be_above_itself },
	{ "did not move", have_moved },
	{ "is in the table and gone", have_gone },
	{ "is not found by its id", have_another_id },
	{ "is not its parent's first child", be_no_first_child },
	{ "has 2 mounts, not 3", miscount_mounts },
	{ "miscounts what covers it", miscount_covers },
	{ "is of another root", be_of_another_root },
	{ "is not its place's action's", rename_action },
	{ "another carrier than any namespace's", hide_root },
	{ "it is not looked at in our own namespace", be_carried_by_another },
};

/* A model that lies to itself cannot be freed. */
struct fake *liars[sizeof(lies) / sizeof(lies[0])];

START_TEST(a_model_that_contradicts_itself_is_found_out)
{
	struct fake *fake = fake_new();
	char why[256] = "";
	uint64_t id;

	liars[_i] = fake;
	fake_mount(fake, ROOT "/a/proc", "proc", 10);
	id = fake_mount(fake, ROOT "/a/sys", "sysfs", 11);
	feed(fake);
	verify(fake);
	lies[_i].tell(known(fake, id));
	ck_assert_int_eq(model_verify(fake->model, why, sizeof(why)), -EUCLEAN);
	ck_assert_msg(strstr(why, lies[_i].found), "'%s' does not say '%s'", why, lies[_i].found);
}
END_TEST

/* Namespaces that come and go, each read when its turn comes, some with unique ids and some without. */
START_TEST(each_namespace_follows_its_own_table)
{
	struct fake *own = fake_new(), *fakes[4] = { own };
	uint64_t inode = 1;

	state = (uint64_t)_i + 4001;
	own->unique_ids = _i % 2;
	/* In a short life its turn may never come. */
	feed(own);
	engine(own);
	for (size_t i = 0; i < STEPS; i++) {
		size_t which = random_below(4);

		if (fakes[which] && which > 0 && random_below(10) == 0) {
			fake_drop(fakes[which]);
			fakes[which] = NULL;
		}
		if (!fakes[which]) {
			fakes[which] = fake_add(own, ++inode);
			fakes[which]->unique_ids = _i % 2;
			/* The very directory, or another one at its path. */
			fake_mount(fakes[which], ROOT, "fuse.bb", random_below(2) ? 2 : 200 + inode);
		}
		for (uint32_t steps = 1 + random_below(4); steps > 0; steps--)
			step(fakes[which]);
		feed(fakes[which]);
		compare(fakes[which]);
		engine(fakes[which]);
	}
	for (size_t i = 1; i < 4; i++)
		if (fakes[i])
			fake_drop(fakes[i]);
	compare(own);
	fake_free(own);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model: random sequences");
	TCase *tests = tcase_create("random");

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, complete_readings_follow_the_table, 0, 12);
	tcase_add_loop_test(tests, partial_readings_follow_the_table, 0, 12);
	tcase_add_loop_test(tests, readings_without_unique_ids_follow_the_table, 0, 12);
	tcase_add_loop_test(tests, small_ids_never_carry_a_mount_to_another_place, 0, 12);
	tcase_add_loop_test(tests, each_namespace_follows_its_own_table, 0, 12);
	tcase_add_loop_test(tests, a_model_that_contradicts_itself_is_found_out, 0, sizeof(lies) / sizeof(lies[0]));
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
