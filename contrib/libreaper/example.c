/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A runner in small: begins an action by a lease, gives it a /proc and a read-only /usr beneath its directory, does its
 * work there, and leaves nothing. If it is killed meanwhile, reaperd takes away what it mounted.
 *
 *     cc example.c $(pkg-config --cflags --libs libreaper) -o example
 *     ./example SOCKET ROOT NAME COMMAND
 *
 * SOCKET "" is the default. COMMAND is for sh(1), in the action's directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <reaper.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char why[REAPER_WHY_SIZE];

static int fail(const char *what)
{
	fprintf(stderr, "example: %s: %s\n", what, why);
	return 1;
}

static int work(int directory, const char *command)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (fchdir(directory) == 0)
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int in_directory(const char *path, const char *command)
{
	static const char *const read_only[] = { "ro", "nosuid", "nodev", NULL };
	uint64_t id = 0;
	int directory, status;

	if ((mkdir(path, 0755) < 0 && errno != EEXIST) ||
	    (directory = open(path, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0) {
		perror(path);
		return 1;
	}
	mkdirat(directory, "proc", 0755);
	mkdirat(directory, "usr", 0755);
	if (reaper_mountat(directory, "proc", "proc", NULL, NULL, why, sizeof(why)) < 0)
		return fail("proc");
	/* Before Linux 6.8 there is none: then whatever stands there later is unmounted. */
	reaper_mount_id(directory, "proc", &id, NULL, 0);
	if (reaper_mountat(directory, "usr", "bind", "/usr", read_only, why, sizeof(why)) < 0)
		return fail("usr");
	status = work(directory, command);
	if (reaper_unmountat(directory, "proc", 0, id, why, sizeof(why)) < 0)
		status = fail("proc");
	if (reaper_unmountat(directory, "usr", 0, 0, why, sizeof(why)) < 0)
		status = fail("usr");
	close(directory);
	return status;
}

int main(int argc, char **argv)
{
	const char *socket = argc == 5 && *argv[1] ? argv[1] : NULL;
	struct reaper_lease *lease;
	int status;

	if (argc != 5) {
		fprintf(stderr, "usage: example SOCKET ROOT NAME COMMAND\n");
		return 2;
	}
	if (reaper_lease_open(socket, argv[2], argv[3], 0, &lease, why, sizeof(why)) < 0)
		return fail(argv[3]);
	status = in_directory(reaper_lease_path(lease), argv[4]);
	if (reaper_end(socket, argv[2], argv[3], reaper_lease_generation(lease), why, sizeof(why)) < 0)
		status = fail("the end");
	reaper_lease_close(lease);
	return status;
}
