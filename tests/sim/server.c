/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A worker's filesystem over a root: it comes, hangs, dies for good, is followed by another one over it, and is unmounted.
 * What was there before it lives on, out of sight; what lives on it dies with it, and stays mounted.
 */
#include "world.h"

#define SERVERS_MOST 3 /* over each other */

static struct world_mount *server_on(uint64_t parent, uint32_t root)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		struct world_mount *mount = &world.mounts[i];

		if (mount->id && mount->serves && mount->root == root && mount->parent == parent)
			return mount;
	}
	return NULL;
}

static struct world_mount *topmost(uint32_t root, unsigned *ret_depth)
{
	struct world_mount *top = NULL, *next = server_on(world.root_mount, root);

	for (*ret_depth = 0; next; next = server_on(top->id, root), ++*ret_depth)
		top = next;
	return top;
}

struct world_mount *world_server_of(uint32_t root)
{
	unsigned depth;

	return topmost(root, &depth);
}

uint64_t world_standing(uint32_t root)
{
	const struct world_mount *server = world_server_of(root);

	return world.roots[root].cover ? world.roots[root].cover : server ? server->id : world.root_mount;
}

bool world_is_open(uint32_t root)
{
	const struct world_mount *server = world_server_of(root);

	return !world.roots[root].cover && !(server && (server->dead || server->hangs));
}

bool world_is_reached(const struct world_dir *dir)
{
	return world_is_open(dir->root) && dir->carrier == world_standing(dir->root);
}

bool world_is_out_of_reach(const struct world_dir *dir)
{
	const struct world_mount *carrier = world_mount(dir->carrier);

	return carrier && carrier->dead;
}

static void comes(uint32_t root, struct world_mount *former)
{
	struct world_mount *server = world_attach(world_standing(root), 0, world.roots[root].path + 1, "fuse.x");

	if (!server)
		return;
	server->serves = true;
	server->root = root;
	server->busy = world_chance(20);
	world_note(former ? KIND_SUCCESSOR : KIND_SERVER_COMES, server->id);
}

static void dies(struct world_mount *server)
{
	world_note(KIND_SERVER_DIES, server->id);
	server->dead = true;
	server->hangs = false;
	server->died = world.now.mono;
	for (size_t i = 0; i < WORLD_DIRS; i++) {
		struct world_dir *dir = &world.dirs[i];

		if (!dir->serial || dir->carrier != server->id)
			continue;
		dir->lost |= dir->live;
		world_kill(dir);
		dir->hollow = false; /* it goes by another evidence, which needs less grace */
	}
}

void world_server_has_gone(const struct world_mount *server)
{
	for (size_t i = 0; i < WORLD_DIRS; i++) {
		struct world_dir *dir = &world.dirs[i];

		if (!dir->serial || dir->carrier != server->id)
			continue;
		world_kill(dir);
		dir->path[0] = '\0';
	}
}

/* Whose step is under way. */
bool world_server_is_asked_for(uint32_t *ret_root)
{
	const struct world_mount *asked = world_broker_step();

	if (!asked || !asked->serves)
		return false;
	*ret_root = asked->root;
	return true;
}

void world_server_changes(void)
{
	uint32_t root = world_random(WORLD_ROOTS), what = world_random(10);
	uint32_t returns = world_server_is_asked_for(&root) ? 8 : 4;
	unsigned depth;
	struct world_mount *server = topmost(root, &depth);

	if (world.has_others) {
		world_other_changes();
		return;
	}
	if (world.roots[root].cover)
		return;
	if (!server || (server->dead && what < returns)) {
		if (depth < SERVERS_MOST)
			comes(root, server);
	} else if (server->dead || what < 2) {
		world_note(KIND_SERVER_GOES, server->id);
		world_detach(server);
	} else if (what < 7) {
		dies(server);
	} else {
		server->hangs = !server->hangs;
		world_note(server->hangs ? KIND_SERVER_HANGS : KIND_SERVER_ANSWERS, server->id);
	}
}

void world_servers_end(void)
{
	for (uint32_t root = 0; root < WORLD_ROOTS; root++)
		for (struct world_mount *server = world_server_of(root); server && (!server->dead || !world.reap_root);
		     server = world_server_of(root))
			world_detach(server);
}
