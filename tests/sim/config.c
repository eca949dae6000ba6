/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the operator writes down, and changes. */
#include <inttypes.h>
#include <stdio.h>

#include "world.h"

static const struct world_rules plain_rules = { .configured = true, .grace = 5 * NSEC_PER_SEC };

static struct world_rules any_rules(void)
{
	static const int64_t graces[] = { 0, 1, 5, 5, 12 };

	struct world_rules rules = { 0 };

	/* One after the other, here and where two numbers are drawn for one call: in which order C leaves to the compiler. */
	rules.configured = world_chance(85);
	rules.observe = world_chance(10);
	rules.protect = world_chance(30);
	rules.detach_alone = world_chance(25);
	rules.narrow = world_chance(10);
	rules.reap_root = world_chance(60);
	rules.grace = graces[world_random(5)] * NSEC_PER_SEC;
	return rules;
}

void world_config_plain(void)
{
	world.config = (struct world_config){ .serial = world.config.serial + 1, .others = world.has_others };
	world.other.told_unselected = false;
	for (uint32_t root = 0; root < WORLD_ROOTS; root++)
		world.config.rules[root] = plain_rules, world.config.rules[root].reap_root = world.reap_root;
	world.brake_level = 0;
}

static void forget_root(uint32_t root)
{
	for (uint64_t id = 1; id <= world.last_id; id++)
		world.past[id].forgotten |= world.past[id].taken;
	for (size_t i = 0; i < WORLD_DIRS; i++)
		if (world.dirs[i].serial && world.dirs[i].root == root)
			world_doubt(&world.dirs[i]);
}

void world_config_any(void)
{
	const struct world_config former = world.config;
	struct world_config *config = &world.config;

	config->serial++;
	config->most_reaps = world_chance(30) ? 6 + world_random(20) : 6000;
	config->reversed = world_chance(30);
	config->others = world.has_others && world_chance(70);
	world.other.told_unselected = false;
	/* What goes there from now on nobody watches. */
	for (uint64_t id = 1; former.others && !config->others && id <= world.last_id; id++)
		world.past[id].forgotten |= world.past[id].elsewhere;
	if (former.others && !config->others)
		world_other_doubt_words();
	for (uint32_t root = 0; root < WORLD_ROOTS; root++)
		config->rules[root] = any_rules();
	if (!config->rules[0].configured && !config->rules[1].configured)
		config->rules[0].configured = true;
	for (uint32_t root = 0; root < WORLD_ROOTS; root++) {
		if (former.rules[root].configured && !config->rules[root].configured) {
			world_note(KIND_ROOT_REMOVED, root);
			forget_root(root);
			world.roots[root].paused = false;
		} else if (!former.rules[root].configured && config->rules[root].configured) {
			world_note(KIND_ROOT_ADDED, root);
		}
	}
	world.brake_level = 0;
}

int world_config_index(const struct world_config *config, uint32_t root)
{
	uint32_t other = 1 - root;

	if (!config->rules[root].configured)
		return -1;
	return config->rules[other].configured && (config->reversed ? root == 0 : root == 1);
}

int world_config_root(const struct world_config *config, uint32_t index)
{
	for (uint32_t root = 0; root < WORLD_ROOTS; root++)
		if (world_config_index(config, root) == (int)index)
			return (int)root;
	return -1;
}

const char *world_config_text(void)
{
	static char text[2048];
	size_t used;

	used = (size_t)snprintf(text, sizeof(text),
				"[daemon]\nmax-reaps-per-minute = %u\nretain = 3650d\nnamespaces = self%s\n",
				world.config.most_reaps, world.config.others ? " all" : "");
	for (uint32_t index = 0; index < WORLD_ROOTS; index++) {
		int root = world_config_root(&world.config, index);
		const struct world_rules *rules = root < 0 ? NULL : &world.config.rules[root];

		if (!rules)
			continue;
		used += (size_t)snprintf(
			text + used, sizeof(text) - used,
			"[root %s]\nmode = %s\ngrace = %" PRId64 "ms\ngrace.hollow = %" PRId64
			"ms\nprotect = %s\nladder = %s\nladder.fuse = %s\nreap-root = %s\n%s",
			world.roots[root].path, rules->observe ? "observe" : "enforce", rules->grace / NSEC_PER_MSEC,
			WORLD_GRACE_HOLLOW / NSEC_PER_MSEC, rules->protect ? "keep*" : "",
			rules->detach_alone ? "detach" : "umount detach",
			rules->detach_alone ? "detach" : "umount force detach", rules->reap_root ? "yes" : "no",
			rules->narrow ? "reap-when = ended owner-exited\n" : "");
	}
	return text;
}
