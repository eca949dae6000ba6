/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hostile --seed N --seconds N [--swaps N] [--swap-root] --socket PATH --windows FILE BASE
 *
 * Build actions below BASE/build, several at a time: each mounts, is registered, and ends or loses its owner; meanwhile
 * two processes swap its names for links to elsewhere, and mount over its mounts and into them (meddle.c). What ended must
 * go in the end; what a process owns that came to the pid of a dead one must stay as long as that lives.
 *
 * --swap-root: the root's own directory changes places with another one, BASE/twin, for moments. Of an action that was
 * away nobody knows afterwards that it was over: what does not go is given up. In a long run the root stays, until it was
 * said once more that it is over.
 *
 * BASE/host is "the host", BASE/build/live0 and BASE/other/live0 are actions of others: the caller makes them, and
 * compares afterwards. The seed decides what each action is like and what is tried in which order, not who wins a
 * race. Ends with a line of JSON that says what was done. Exit status 1: what was over is still there, or what lives
 * has gone.
 */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "kernel/at.h"
#include "kernel/mounts.h"

/*
 * In turns, so that a machine that stands still costs nobody's patience: an action that has not gone by then is left in
 * peace, and must go then; what was found in it later ends again and again.
 */
#define HUNTED_FOR 100
#define PEACE	   3000
#define SAID_EVERY 100

#define ROOT_SWAPS 20
#define LONGER	   (60 * NSEC_PER_SEC) /* at most */
/* From so many seconds on, for what was out of sight while the root was away is found again half a minute later. */
#define LONG	    60
#define PEACE_AFTER (4 * PEACE)

enum stage { FREE, HUNTED, IN_PEACE, GIVEN_UP };

struct life {
	enum stage stage;
	char name[32], kept[32]; /* kept: the action of who came to the owner's pid; "": none */
	uint64_t ids[7], kept_id;
	unsigned count;
	pid_t owner, successor;
	unsigned since; /* turn */
};

static struct place place;
static struct life lives[SLOTS];
static uint64_t choices;
static unsigned turn, begun, in_peace, successors;
static int control;
static bool is_meddler, is_long;

static _Noreturn __attribute__((format(printf, 1, 2))) void fail(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "hostile: seed %llu: ", (unsigned long long)place.seed);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	if (is_meddler) /* who waits for it would wait for ever */
		kill(getppid(), SIGKILL);
	exit(1);
}

void must(bool done, const char *what)
{
	if (!done)
		fail("%s: %s", what, strerror(errno));
}

/* ---- the daemon ---- */

/* Paths mean what they say. */
static void wait_for_root(void)
{
	place.windows->talking = true;
	while (place.windows->root_is_away)
		sched_yield();
}

static __attribute__((format(printf, 2, 3))) void call(const char *method, const char *format, ...)
{
	char parameters[512], message[768], reply[65536];
	size_t length = 0;
	va_list arguments;
	ssize_t count;
	int size;

	va_start(arguments, format);
	vsnprintf(parameters, sizeof(parameters), format, arguments);
	va_end(arguments);
	size = snprintf(message, sizeof(message), "{\"method\":\"io.reaperd.%s\",\"parameters\":{%s}}", method,
			parameters);
	wait_for_root();
	must(write(control, message, (size_t)size + 1) == size + 1, "the control socket");
	do {
		count = read(control, reply + length, sizeof(reply) - length - 1);
		must(count > 0, "the daemon's answer");
		length += (size_t)count;
	} while (reply[length - 1] != '\0' && length < sizeof(reply) - 1);
	place.windows->talking = false;
	if (strstr(reply, "\"error\""))
		fail("%s: %s", message, reply);
}

static void connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(connect(control, (struct sockaddr *)&address, sizeof(address)) == 0, path);
}

static void start_meddling(void (*meddle)(const struct place *))
{
	pid_t pid = fork();

	must(pid >= 0, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		is_meddler = true;
		meddle(&place);
	}
}

/* ---- an action ---- */

static void make_mounts(unsigned slot, struct life *life, int action)
{
	static const enum bound bounds[] = { NOT_BOUND, BOUND, BOUND, BOUND_DEEP };
	bool plain = random_below(&choices, 4) == 0;
	enum bound bound = bounds[random_below(&choices, 4)];

	life->count = 0;
	life->ids[life->count++] = make_mount(action, "root/proc", plain ? "proc" : "tmpfs");
	if (!plain && random_below(&choices, 2)) {
		make_directory(action, "root/proc/x");
		if (random_below(&choices, 2))
			life->ids[life->count++] = make_mount(action, "root/proc/x", "tmpfs");
	}
	life->ids[life->count++] = make_mount(action, "root/sys", "tmpfs");
	life->ids[life->count++] = make_mount(action, "s5/proc", "tmpfs");
	place.windows->slots[slot].bound = bound;
	if (bound)
		life->count += bind_into_action(&place, action, bound, random_below(&choices, 4) == 0,
						life->ids + life->count);
}

/* Who comes to the dead owner's pid has an action of its own, which lives. */
static void start_successor(unsigned slot, struct life *life, pid_t pid)
{
	char path[64];

	life->successor = start_process(pid, -1);
	if (life->successor < 0 && errno == EEXIST)
		return;
	must(life->successor > 0, "clone3");
	snprintf(life->kept, sizeof(life->kept), "k%u", slot);
	snprintf(path, sizeof(path), "%s/proc", life->kept);
	make_directory(place.build, life->kept);
	make_directory(place.build, path);
	call("Begin", "\"root\":\"%s\",\"name\":\"%s\",\"pid\":%d", place.root, life->kept, life->successor);
	life->kept_id = make_mount(place.build, path, "tmpfs");
	successors++;
}

static void begin_life(unsigned slot, struct life *life)
{
	struct slot *shared = &place.windows->slots[slot];
	const char *root = place.root;
	bool owned = random_below(&choices, 3) == 0, renamed;
	int action, busy = -1;
	pid_t owner;

	*life = (struct life){ .stage = HUNTED };
	shared->life++;
	life_name(slot, shared->life, life->name, sizeof(life->name));
	make_directory(place.build, life->name);
	action = open_beneath(place.build, life->name);
	must(action >= 0, life->name);
	make_names(&place, slot, action);
	make_mounts(slot, life, action);
	renamed = !owned && random_below(&choices, shared->bound ? 2 : 3) == 0;
	if (!owned && random_below(&choices, 3) == 0)
		busy = open_beneath(action, "root/proc");
	owner = life->owner = start_process(0, busy);
	must(owner > 0, "clone3");
	if (owned)
		call("Begin", "\"root\":\"%s\",\"name\":\"%s\",\"pid\":%d", root, life->name, owner);
	else
		call("Begin", "\"root\":\"%s\",\"name\":\"%s\"", root, life->name);
	/* Nobody says of a newcomer to a directory of another name that it is over. */
	shared->stacks_left = renamed ? 0 : (int32_t)random_below(&choices, 6);
	shared->moves_left = shared->bound ? (int32_t)random_below(&choices, 4) : 0;
	shared->armed = true;
	if (owned) {
		end_process(&life->owner);
		start_successor(slot, life, owner);
	} else {
		call("End", "\"root\":\"%s\",\"name\":\"%s\"", root, life->name);
		shared->renamed = renamed;
	}
	close(busy);
	close(action);
	life->since = turn;
	begun++;
}

static bool is_anything_mounted(const char *name)
{
	bool is;

	wait_for_root();
	is = is_anything_below(place.root, name);
	place.windows->talking = false;
	return is;
}

static bool has_gone(const struct life *life)
{
	for (unsigned i = 0; i < life->count; i++)
		if (is_mounted(life->ids[i]))
			return false;
	return !is_anything_mounted(life->name);
}

static void disarm(unsigned slot)
{
	struct slot *shared = &place.windows->slots[slot];

	shared->armed = shared->renamed = false;
	while (shared->swapping || shared->stacking)
		sched_yield();
}

static void leave_in_peace(unsigned slot, struct life *life)
{
	disarm(slot);
	life->stage = IN_PEACE;
	life->since = turn;
	/* Whoever holds it would do so for ever. */
	end_process(&life->owner);
}

/*
 * What was mounted after the end had been dealt with is the next action's of that name, which ends, too; or nobody ever
 * says so, but a cleaner removes what it can, and leaves nothing but the ways to mounts.
 */
static void end_again(unsigned slot, const struct life *life, unsigned age)
{
	const char *names[] = { life->name, life->kept };

	for (unsigned i = 0; i < (life->successor ? 1 : 2); i++) {
		if (!is_anything_mounted(names[i]))
			continue;
		call("Begin", "\"root\":\"%s\",\"name\":\"%s\"", place.root, names[i]);
		call("End", "\"root\":\"%s\",\"name\":\"%s\"", place.root, names[i]);
	}
	if (age > SAID_EVERY)
		remove_names(&place, slot, life->name);
}

static bool successor_has_gone(struct life *life)
{
	if (!*life->kept)
		return true;
	if (life->successor) {
		if (!is_mounted(life->kept_id))
			fail("%s has lost its mount, whose owner lives", life->kept);
		end_process(&life->successor);
	}
	return !is_mounted(life->kept_id);
}

/* But what its successor mounted is still there, as long as that lives. */
static void give_up(struct life *life)
{
	successor_has_gone(life);
	life->stage = GIVEN_UP;
}

static void end_life(unsigned slot, struct life *life)
{
	char path[64];

	must(remove_names(&place, slot, life->name), life->name);
	if (*life->kept) {
		snprintf(path, sizeof(path), "%s/proc", life->kept);
		must(unlinkat(place.build, path, AT_REMOVEDIR) == 0, path);
		must(unlinkat(place.build, life->kept, AT_REMOVEDIR) == 0, life->kept);
	}
	life->stage = FREE;
}

static void look_after(unsigned slot, struct life *life, bool more)
{
	unsigned age = turn - life->since;

	switch (life->stage) {
	case FREE:
		if (more)
			begin_life(slot, life);
		break;
	case HUNTED:
		in_peace += age > HUNTED_FOR;
		if (age > HUNTED_FOR || has_gone(life))
			leave_in_peace(slot, life);
		break;
	case IN_PEACE:
		if (has_gone(life) && successor_has_gone(life))
			end_life(slot, life);
		else if (place.swaps_root && !(more && is_long) && age > HUNTED_FOR)
			give_up(life);
		else if (age > (place.swaps_root ? PEACE_AFTER : PEACE))
			fail("%s is over and was left in peace, and is still mounted", life->name);
		else if (age % SAID_EVERY == SAID_EVERY - 1)
			end_again(slot, life, age);
		break;
	case GIVEN_UP:
		break;
	}
}

static bool is_any_left(void)
{
	for (unsigned slot = 0; slot < SLOTS; slot++)
		if (lives[slot].stage != FREE && lives[slot].stage != GIVEN_UP)
			return true;
	return false;
}

static bool is_any_overdue(void)
{
	for (unsigned slot = 0; slot < SLOTS; slot++)
		if (lives[slot].stage == IN_PEACE && turn - lives[slot].since > HUNTED_FOR)
			return true;
	return false;
}

static bool has_done_enough(uint64_t wanted)
{
	uint64_t swaps = 0, stacks = 0;

	for (unsigned window = 0; window < WINDOW_READ; window++) {
		swaps += place.windows->swapped[window];
		stacks += place.windows->stacked[window];
	}
	return swaps >= wanted && stacks >= wanted / 10 && place.windows->swapped[WINDOW_READ] >= wanted / 2 &&
	       (!place.swaps_root || place.windows->root_swaps >= ROOT_SWAPS);
}

/* As long as was asked for; on a slow machine longer, until so much has been done to the daemon. */
static void run(int64_t seconds, uint64_t swaps)
{
	int64_t end = clock_now().mono + seconds * NSEC_PER_SEC;
	bool more;

	do {
		int64_t now = clock_now().mono;

		more = now < end || (!has_done_enough(swaps) && now < end + LONGER);
		for (unsigned slot = 0; slot < SLOTS; slot++)
			look_after(slot, &lives[slot], more);
		place.windows->calm = is_long && is_any_overdue();
		if (turn++ % 4 == 0) /* what was tried in vain is to be tried again at once */
			call("Reap", "\"root\":\"%s\",\"leftovers\":true", place.root);
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	} while (more || is_any_left());
	wait_for_root();
}

static void say_counts(const char *name, const _Atomic uint64_t counts[WINDOW_COUNT])
{
	printf("\"%s\":{\"mark\":%llu,\"marked\":%llu,\"lazy\":%llu,\"other\":%llu,\"read\":%llu},", name,
	       (unsigned long long)counts[WINDOW_MARK], (unsigned long long)counts[WINDOW_MARKED],
	       (unsigned long long)counts[WINDOW_LAZY], (unsigned long long)counts[WINDOW_OTHER],
	       (unsigned long long)counts[WINDOW_READ]);
}

static void say_what_was_done(void)
{
	uint64_t swaps = 0, stacks = 0;

	for (unsigned slot = 0; slot < SLOTS; slot++) {
		swaps += place.windows->slots[slot].swaps;
		stacks += place.windows->slots[slot].stacks / 2;
	}
	printf("{");
	say_counts("calls", place.windows->calls);
	say_counts("swapped", place.windows->swapped);
	say_counts("stacked", place.windows->stacked);
	printf("\"root_swaps\":%llu,\"binds\":%llu,\"moves\":%llu,", (unsigned long long)place.windows->root_swaps,
	       (unsigned long long)place.windows->binds, (unsigned long long)place.windows->moves);
	printf("\"seed\":%llu,\"actions\":%u,\"in_peace\":%u,\"successors\":%u,\"swaps\":%llu,\"stacks\":%llu}\n",
	       (unsigned long long)place.seed, begun, in_peace, successors, (unsigned long long)swaps,
	       (unsigned long long)stacks);
}

static void map_windows(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	must(fd >= 0 && ftruncate(fd, sizeof(*place.windows)) == 0, path);
	place.windows = mmap(NULL, sizeof(*place.windows), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(place.windows != MAP_FAILED, path);
	close(fd);
}

static void open_place(const char *path)
{
	char away[16];
	struct stat st;

	place.base = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(place.base >= 0, path);
	place.host = open_beneath(place.base, "host/dev");
	must(place.host >= 0, "host/dev");
	place.build = open_beneath(place.base, "build");
	must(place.build >= 0 && fstat(place.build, &st) == 0, "build");
	place.dev = st.st_dev;
	make_directory(place.base, "away");
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		snprintf(away, sizeof(away), "away/%u", slot);
		make_directory(place.base, away);
	}
	snprintf(place.root, sizeof(place.root), "%s/build", path);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seed", required_argument, NULL, 'i' },
						 { "seconds", required_argument, NULL, 't' },
						 { "swaps", required_argument, NULL, 'n' },
						 { "swap-root", no_argument, NULL, 'r' },
						 { "socket", required_argument, NULL, 's' },
						 { "windows", required_argument, NULL, 'w' },
						 { 0 } };
	int64_t seconds = 5;
	uint64_t swaps = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'i')
			place.seed = strtoull(optarg, NULL, 0);
		else if (option == 't')
			seconds = strtoll(optarg, NULL, 0);
		else if (option == 'n')
			swaps = strtoull(optarg, NULL, 0);
		else if (option == 'r')
			place.swaps_root = true;
		else if (option == 's')
			connect_to(optarg);
		else if (option == 'w')
			map_windows(optarg);
		else
			return 2;
	}
	if (optind != argc - 1 || !place.windows || control <= 0)
		return 2;
	open_place(argv[optind]);
	choices = place.seed;
	is_long = seconds >= LONG;
	start_meddling(swap_names);
	start_meddling(stack_mounts);
	run(seconds, swaps);
	say_what_was_done();
	return 0;
}
