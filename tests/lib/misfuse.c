/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A filesystem that misbehaves on command, for tests: a tree of empty directories in memory, served by libfuse's
 * low-level interface, so that node ids are ours and file handles work. What other programs do through the mount
 * (mkdir, rmdir, rename) is ordinary; what a test says on the control socket changes the tree behind the kernel's back.
 *
 *     misfuse --control SOCKET [--entry-timeout SECONDS] [--user UID] MOUNTPOINT
 *
 * With --user it is that user's own, without allow_other: nobody else may look into it, root neither.
 *
 * Stays in the foreground and prints "ready" once mounted. One command a line, answered by "ok [value]" or "error TEXT":
 *
 *     errno N                     answers N to everything (5 is EIO); 0 ends it
 *     mkdir|remove|replace PATH   remove takes the tree below, too; replace puts a new empty directory there
 *     rename PATH NAME            another name in the same directory, unknown to the kernel
 *     invalidate PATH             tells the kernel that the name is no longer good
 *     stop | go                   no answers until `go`
 *     mute                        likewise, but requests are read: who waits for an answer cannot be killed. `go` answers
 *                                 them by EIO
 *     lookups                     how often a name was looked up so far (handles, which ask for ".", do not count)
 */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct node {
	char *name;
	struct node *parent; /* NULL: the root, or removed */
	mode_t mode;
	bool linked;
};

/* Node N of FUSE is nodes[N]; a removed node keeps its place for ever, so a number never means another directory. */
static struct node **nodes;
static size_t node_count, node_room;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t going = PTHREAD_COND_INITIALIZER;
static bool stopped, muted;
static fuse_req_t kept[4096]; /* those that were read and not answered */
static size_t kept_count;
static int answer_errno;
static unsigned long lookups;
static double entry_timeout;
static struct fuse_session *session;

static size_t node_add(struct node *parent, const char *name, mode_t mode)
{
	struct node *node = calloc(1, sizeof(*node));

	if (node_count == node_room) {
		node_room = node_room ? node_room * 2 : 1024;
		nodes = realloc(nodes, node_room * sizeof(*nodes));
	}
	if (!node || !nodes)
		abort();
	node->name = strdup(name);
	node->parent = parent;
	node->mode = mode;
	node->linked = true;
	nodes[node_count] = node;
	return node_count++;
}

static size_t node_find(const struct node *parent, const char *name)
{
	for (size_t i = FUSE_ROOT_ID + 1; i < node_count; i++) {
		if (nodes[i]->linked && nodes[i]->parent == parent && strcmp(nodes[i]->name, name) == 0)
			return i;
	}
	return 0;
}

static void node_unlink(struct node *node)
{
	node->linked = false;
	for (size_t i = FUSE_ROOT_ID + 1; i < node_count; i++) {
		if (nodes[i]->linked && nodes[i]->parent == node)
			node_unlink(nodes[i]);
	}
}

static bool node_is_empty(const struct node *node)
{
	for (size_t i = FUSE_ROOT_ID + 1; i < node_count; i++) {
		if (nodes[i]->linked && nodes[i]->parent == node)
			return false;
	}
	return true;
}

static struct stat node_stat(size_t number)
{
	return (struct stat){
		.st_ino = number,
		.st_mode = nodes[number]->mode,
		.st_nlink = S_ISDIR(nodes[number]->mode) ? 2 : 1,
		.st_blksize = 4096,
	};
}

/* Enters a request: waits while stopped; false where it has been answered already. */
static bool request_begin(fuse_req_t request, fuse_ino_t number)
{
	int error;

	pthread_mutex_lock(&lock);
	while (stopped)
		pthread_cond_wait(&going, &lock);
	if (muted && kept_count < sizeof(kept) / sizeof(*kept)) {
		kept[kept_count++] = request;
		pthread_mutex_unlock(&lock);
		return false;
	}
	error = answer_errno;
	if (error == 0 && (number >= node_count || !nodes[number]->linked))
		error = ENOENT;
	if (error == 0)
		return true;
	fuse_reply_err(request, error);
	pthread_mutex_unlock(&lock);
	return false;
}

static void request_end(void)
{
	pthread_mutex_unlock(&lock);
}

static void reply_entry(fuse_req_t request, size_t number)
{
	struct fuse_entry_param entry = {
		.ino = number,
		.generation = 1,
		.attr = node_stat(number),
		.attr_timeout = entry_timeout,
		.entry_timeout = entry_timeout,
	};

	fuse_reply_entry(request, &entry);
}

static void serve_init(void *context, struct fuse_conn_info *connection)
{
	(void)context;
	if (connection->capable & FUSE_CAP_EXPORT_SUPPORT)
		connection->want |= FUSE_CAP_EXPORT_SUPPORT;
}

static void serve_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	size_t found;

	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		__atomic_add_fetch(&lookups, 1, __ATOMIC_RELAXED);
	if (!request_begin(request, parent))
		return;
	if (strcmp(name, ".") == 0) {
		reply_entry(request, parent);
	} else if (strcmp(name, "..") == 0) {
		for (found = FUSE_ROOT_ID; found < node_count && nodes[found] != nodes[parent]->parent; found++)
			;
		reply_entry(request, found < node_count ? found : FUSE_ROOT_ID);
	} else {
		found = node_find(nodes[parent], name);
		if (found)
			reply_entry(request, found);
		else
			fuse_reply_err(request, ENOENT);
	}
	request_end();
}

static void serve_getattr(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
	struct stat status;

	(void)info;
	if (!request_begin(request, number))
		return;
	status = node_stat(number);
	fuse_reply_attr(request, &status, entry_timeout);
	request_end();
}

static void serve_make(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
	if (!request_begin(request, parent))
		return;
	if (node_find(nodes[parent], name))
		fuse_reply_err(request, EEXIST);
	else
		reply_entry(request, node_add(nodes[parent], name, mode));
	request_end();
}

static void serve_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
	serve_make(request, parent, name, S_IFDIR | mode);
}

static void serve_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	(void)device;
	serve_make(request, parent, name, mode);
}

static void serve_remove(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	size_t found;

	if (!request_begin(request, parent))
		return;
	found = node_find(nodes[parent], name);
	if (found && node_is_empty(nodes[found]))
		nodes[found]->linked = false;
	fuse_reply_err(request, !found ? ENOENT : nodes[found]->linked ? ENOTEMPTY : 0);
	request_end();
}

static void serve_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
			 const char *new_name, unsigned int flags)
{
	size_t found, target;

	if (!request_begin(request, parent))
		return;
	found = node_find(nodes[parent], name);
	target = new_parent < node_count ? node_find(nodes[new_parent], new_name) : 0;
	if (!found || new_parent >= node_count || flags) {
		fuse_reply_err(request, flags ? EINVAL : ENOENT);
	} else if (target && !node_is_empty(nodes[target])) {
		fuse_reply_err(request, ENOTEMPTY);
	} else {
		if (target)
			nodes[target]->linked = false;
		free(nodes[found]->name);
		nodes[found]->name = strdup(new_name);
		nodes[found]->parent = nodes[new_parent];
		fuse_reply_err(request, 0);
	}
	request_end();
}

static void serve_opendir(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
	if (!request_begin(request, number))
		return;
	fuse_reply_open(request, info);
	request_end();
}

static void serve_readdir(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *info)
{
	char *buffer = malloc(size);
	size_t used = 0;

	(void)info;
	if (!buffer)
		abort();
	if (!request_begin(request, number)) {
		free(buffer);
		return;
	}
	for (size_t i = offset > FUSE_ROOT_ID ? (size_t)offset : FUSE_ROOT_ID + 1; i < node_count; i++) {
		struct stat status = node_stat(i);
		size_t length;

		if (!nodes[i]->linked || nodes[i]->parent != nodes[number])
			continue;
		length = fuse_add_direntry(request, buffer + used, size - used, nodes[i]->name, &status, (off_t)i + 1);
		if (length > size - used)
			break;
		used += length;
	}
	fuse_reply_buf(request, buffer, used);
	request_end();
	free(buffer);
}

static void serve_statfs(fuse_req_t request, fuse_ino_t number)
{
	struct statvfs status = { .f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255 };

	if (!request_begin(request, number ? number : FUSE_ROOT_ID))
		return;
	fuse_reply_statfs(request, &status);
	request_end();
}

static const struct fuse_lowlevel_ops operations = {
	.init = serve_init,
	.lookup = serve_lookup,
	.getattr = serve_getattr,
	.mkdir = serve_mkdir,
	.mknod = serve_mknod,
	.rmdir = serve_remove,
	.unlink = serve_remove,
	.rename = serve_rename,
	.opendir = serve_opendir,
	.readdir = serve_readdir,
	.statfs = serve_statfs,
};

/* The node at a path such as "a/b", its parent and last name; 0 where there is none. Held: lock. */
static size_t path_find(char *path, size_t *ret_parent, const char **ret_name)
{
	size_t at = FUSE_ROOT_ID;
	char *cursor = NULL;

	*ret_name = "";
	*ret_parent = 0;
	for (char *name = strtok_r(path, "/", &cursor); name; name = strtok_r(NULL, "/", &cursor)) {
		if (at == 0)
			return 0;
		*ret_parent = at;
		*ret_name = name;
		at = node_find(nodes[at], name);
	}
	return at;
}

static const char *command_on_path(const char *verb, char *path)
{
	char *new_name = strcmp(verb, "rename") == 0 ? strrchr(path, ' ') : NULL;
	size_t parent, found;
	const char *name;

	if (new_name)
		*new_name++ = '\0';
	found = path_find(path, &parent, &name);
	if (parent == 0)
		return "error no such parent";
	if (strcmp(verb, "mkdir") == 0) {
		if (found)
			return "error exists";
		node_add(nodes[parent], name, S_IFDIR | 0755);
		return "ok";
	}
	if (!found)
		return "error no such directory";
	if (strcmp(verb, "remove") == 0 || strcmp(verb, "replace") == 0) {
		node_unlink(nodes[found]);
		if (strcmp(verb, "replace") == 0)
			node_add(nodes[parent], name, S_IFDIR | 0755);
		return "ok";
	}
	if (new_name) {
		free(nodes[found]->name);
		nodes[found]->name = strdup(new_name);
		return "ok";
	}
	return "error unknown command";
}

static void command_invalidate(char *path, char *answer, size_t size)
{
	size_t parent;
	const char *name;
	int r;

	pthread_mutex_lock(&lock);
	path_find(path, &parent, &name);
	pthread_mutex_unlock(&lock);
	/* Without the lock: the kernel may ask us something before it returns. */
	r = parent ? fuse_lowlevel_notify_inval_entry(session, parent, name, strlen(name)) : -ENOENT;
	/* A name that the kernel has forgotten by itself is not good either. */
	snprintf(answer, size, r < 0 && (r != -ENOENT || !parent) ? "error %s" : "ok", strerror(-r));
}

static void command_run(char *line, char *answer, size_t size)
{
	char *cursor = NULL, *verb = strtok_r(line, " \n", &cursor), *argument = strtok_r(NULL, "\n", &cursor);

	if (verb && argument && strcmp(verb, "invalidate") == 0) {
		command_invalidate(argument, answer, size);
		return;
	}
	pthread_mutex_lock(&lock);
	snprintf(answer, size, "ok");
	if (verb && strcmp(verb, "lookups") == 0) {
		snprintf(answer, size, "ok %lu", __atomic_load_n(&lookups, __ATOMIC_RELAXED));
	} else if (verb && (strcmp(verb, "stop") == 0 || strcmp(verb, "mute") == 0 || strcmp(verb, "go") == 0)) {
		stopped = strcmp(verb, "stop") == 0;
		muted = strcmp(verb, "mute") == 0;
		while (!muted && kept_count > 0)
			fuse_reply_err(kept[--kept_count], EIO);
		pthread_cond_broadcast(&going);
	} else if (verb && argument && strcmp(verb, "errno") == 0) {
		answer_errno = atoi(argument);
	} else if (verb && argument) {
		snprintf(answer, size, "%s", command_on_path(verb, argument));
	} else {
		snprintf(answer, size, "error unknown command");
	}
	pthread_mutex_unlock(&lock);
}

static void *control_serve(void *context)
{
	int listener = *(int *)context;

	for (;;) {
		int fd = accept(listener, NULL, NULL);
		FILE *stream = fd >= 0 ? fdopen(fd, "r") : NULL;
		char line[8192], answer[256];

		while (stream && fgets(line, sizeof(line), stream)) {
			command_run(line, answer, sizeof(answer));
			dprintf(fd, "%s\n", answer);
		}
		if (stream)
			fclose(stream);
	}
	return NULL;
}

/* By mount(2) itself: libfuse looks at the mount point first, which fails over a dead server's mount. */
static int mount_session(const char *target, int user)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char data[128], name[32];

	if (fd < 0)
		return -1;
	snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=%d,group_id=%d%s", fd, user, user,
		 user ? "" : ",allow_other");
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	if (mount("misfuse", target, "fuse.misfuse", MS_NOSUID | MS_NODEV, data) < 0)
		return -1;
	return fuse_session_mount(session, name);
}

static int control_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static const struct option options[] = {
	{ "control", required_argument, NULL, 'c' },
	{ "entry-timeout", required_argument, NULL, 't' },
	{ "user", required_argument, NULL, 'u' },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	const char *control = NULL;
	pthread_t thread;
	int listener, c, user = 0;

	fuse_opt_add_arg(&args, argv[0]);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c') {
			control = optarg;
		} else if (c == 't') {
			entry_timeout = strtod(optarg, NULL);
		} else if (c == 'u') {
			user = (int)strtol(optarg, NULL, 10);
		} else {
			return 2;
		}
	}
	if (optind != argc - 1 || !control) {
		fprintf(stderr, "usage: misfuse --control SOCKET [--entry-timeout SECONDS] [--user UID] MOUNTPOINT\n");
		return 2;
	}
	node_add(NULL, "", 0);
	node_add(NULL, "", S_IFDIR | 0755);
	listener = control_listen(control);
	session = fuse_session_new(&args, &operations, sizeof(operations), NULL);
	if (listener < 0 || !session || fuse_set_signal_handlers(session) != 0 ||
	    mount_session(argv[optind], user) != 0) {
		perror("misfuse");
		return 1;
	}
	if (pthread_create(&thread, NULL, control_serve, &listener) != 0)
		return 1;
	printf("ready\n");
	fflush(stdout);
	c = fuse_session_loop(session);
	fuse_session_unmount(session);
	fuse_session_destroy(session);
	fuse_opt_free_args(&args);
	return c ? 1 : 0;
}
