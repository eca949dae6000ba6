/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "place_claim.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/text.h"
#include "cli.h"

static socklen_t name_of(const struct place_status *directory, struct sockaddr_un *ret)
{
	int length;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	length = snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1, "reaperctl-run/%llx:%llx:%llx",
			  (unsigned long long)directory->dev, (unsigned long long)directory->ino,
			  (unsigned long long)directory->birth);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

/*
 * By a name of this machine's that goes with whoever has it, also when he is killed. A lock on the directory would be in
 * the way of a command that locks it, and many filesystems have none.
 */
int place_claim(const struct place_status *directory)
{
	struct sockaddr_un name;
	socklen_t length = name_of(directory, &name);
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&name, length) < 0)
		return -errno;
	/* Nobody is answered; but of a socket that listens the kernel says whose it is. */
	if (listen(fd, SOMAXCONN) < 0)
		log_debug("nobody can ask who makes the place: %s", strerror(errno));
	return take_fd(&fd);
}

static pid_t holder_of(const struct place_status *directory)
{
	struct sockaddr_un name;
	socklen_t length = name_of(directory, &name), size = sizeof(struct ucred);
	struct ucred holder = { 0 };
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&name, length) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &holder, &size) < 0)
		return 0;
	return holder.pid;
}

void place_claim_say(const char *path, const struct place_status *directory)
{
	CLEANUP_FREE char *shown = MUST(text_escape(path));
	pid_t pid = holder_of(directory);
	char who[64] = "an earlier run";

	/* 0 also where it is of another pid namespace. */
	if (pid > 0)
		snprintf(who, sizeof(who), "process %d, the keeper of an earlier run", (int)pid);
	log_notice("%s is still being taken back by %s: 'reaperctl explain %s' says what holds its mounts", shown, who,
		   shown);
}
