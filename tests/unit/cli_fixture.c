/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli_fixture.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/reaperctl.h"
#include "wire/varlink.h"

#define ENTRIES_MAX 32

static struct shown shown;

static void read_back(int fd, char *text, size_t size)
{
	ssize_t length = pread(fd, text, size - 1, 0);

	ck_assert_int_ge(length, 0);
	text[length] = '\0';
	close(fd);
}

static int redirect(int fd, int *ret_saved)
{
	int file = memfd_create("output", MFD_CLOEXEC);

	ck_assert_int_ge(file, 0);
	*ret_saved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	ck_assert_int_ge(*ret_saved, 0);
	ck_assert_int_eq(dup2(file, fd), fd);
	return file;
}

static void restore(int fd, int saved)
{
	ck_assert_int_eq(dup2(saved, fd), fd);
	close(saved);
}

const struct shown *run(const char *line)
{
	char *words = strdup(line), *next = words, *arguments[64] = { (char[]){ "reaperctl" } };
	int count = 1, saved_out, saved_err, out, err;

	for (char *word; (word = strsep(&next, " "));)
		if (*word)
			arguments[count++] = word;
	fflush(stdout);
	fflush(stderr);
	out = redirect(STDOUT_FILENO, &saved_out);
	err = redirect(STDERR_FILENO, &saved_err);
	shown.status = reaperctl_run(count, arguments);
	fflush(stdout);
	fflush(stderr);
	restore(STDOUT_FILENO, saved_out);
	restore(STDERR_FILENO, saved_err);
	read_back(out, shown.out, sizeof(shown.out));
	read_back(err, shown.err, sizeof(shown.err));
	free(words);
	return &shown;
}

const char *output_of(void (*function)(void *context), void *context)
{
	int saved, out;

	fflush(stdout);
	out = redirect(STDOUT_FILENO, &saved);
	function(context);
	fflush(stdout);
	restore(STDOUT_FILENO, saved);
	read_back(out, shown.out, sizeof(shown.out));
	return shown.out;
}

/* ---- the daemon ---- */

static struct {
	struct canned canned[ENTRIES_MAX + 1]; /* a copy: a client that is served still may outlive the test */
	size_t used[ENTRIES_MAX];
	json_t *asked; /* by method */
	pthread_mutex_t lock;
	pthread_t thread;
	int listener;
	char directory[64];
} stage = { .lock = PTHREAD_MUTEX_INITIALIZER };

const char *scratch_path(const char *name)
{
	static char path[128];

	if (!*stage.directory) {
		snprintf(stage.directory, sizeof(stage.directory), "/tmp/test-cli-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(stage.directory));
	}
	snprintf(path, sizeof(path), "%s/%s", stage.directory, name);
	return path;
}

/* The next entry for the method that was not used; the last one again when all were. */
static const struct canned *take_canned(const char *method)
{
	const struct canned *found = NULL;

	for (size_t i = 0; stage.canned[i].method; i++) {
		if (strcmp(stage.canned[i].method, method))
			continue;
		found = &stage.canned[i];
		if (!stage.used[i]) {
			stage.used[i] = 1;
			break;
		}
	}
	return found;
}

static void send_reply(int fd, const char *text, bool continues)
{
	char message[16384];
	int length;

	if (*text == '!') {
		const char *parameters = strchr(text, ' ');

		length = snprintf(message, sizeof(message), "{\"error\":\"%.*s\",\"parameters\":%s}",
				  (int)(parameters - text - 1), text + 1, parameters + 1);
	} else {
		length = snprintf(message, sizeof(message), "{\"parameters\":%s%s}", text,
				  continues ? ",\"continues\":true" : "");
	}
	if (send(fd, message, (size_t)length + 1, MSG_NOSIGNAL) < 0)
		return;
}

static void answer(int fd, const char *text)
{
	json_t *call = json_loads(text, 0, NULL);
	const char *name = json_string_value(json_object_get(call, "method"));
	const char *method = strrchr(name, '.') + 1;
	const struct canned *canned;

	pthread_mutex_lock(&stage.lock);
	canned = take_canned(method);
	json_object_set(stage.asked, method, json_object_get(call, "parameters"));
	pthread_mutex_unlock(&stage.lock);
	for (size_t i = 0; canned && i < 8 && canned->replies[i]; i++)
		send_reply(fd, canned->replies[i], i + 1 < 8 && canned->replies[i + 1]);
	if (!canned)
		send_reply(fd, "!org.varlink.service.MethodNotFound {\"method\":\"it\"}", false);
	json_decref(call);
}

/* One client at a time would do for all but `reap --wait`, whose watcher stays: each has a thread. */
static void *serve_one(void *context)
{
	int fd = (int)(intptr_t)context;
	struct varlink_buffer buffer;
	char *text;
	size_t length;

	varlink_buffer_init(&buffer, 0);
	for (;;) {
		fd_set set;
		ssize_t got;

		while ((text = varlink_buffer_next(&buffer, &length)))
			answer(fd, text);
		FD_ZERO(&set);
		FD_SET(fd, &set);
		select(fd + 1, &set, NULL, NULL, NULL);
		got = varlink_buffer_read(&buffer, fd);
		if (got <= 0)
			break;
	}
	varlink_buffer_clear(&buffer);
	close(fd);
	return NULL;
}

static void *serve(void *context)
{
	pthread_t clients[64];
	size_t count = 0;

	(void)context;
	for (;;) {
		int fd = accept4(stage.listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 || count == 64)
			break;
		if (pthread_create(&clients[count], NULL, serve_one, (void *)(intptr_t)fd))
			break;
		count++;
	}
	for (size_t i = 0; i < count; i++)
		pthread_join(clients[i], NULL);
	return NULL;
}

void daemon_start(const struct canned *canned)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	for (size_t i = 0; canned[i].method; i++) {
		ck_assert_uint_lt(i, ENTRIES_MAX);
		stage.canned[i] = canned[i];
	}
	stage.asked = json_object();
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", scratch_path("io.reaperd"));
	stage.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(stage.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(stage.listener, 16), 0);
	ck_assert_int_eq(pthread_create(&stage.thread, NULL, serve, NULL), 0);
}

const struct shown *ask(const char *command)
{
	char line[1024];

	snprintf(line, sizeof(line), "--socket %s %s", scratch_path("io.reaperd"), command);
	return run(line);
}

const json_t *daemon_asked(const char *method)
{
	const json_t *parameters;

	pthread_mutex_lock(&stage.lock);
	parameters = json_object_get(stage.asked, method);
	pthread_mutex_unlock(&stage.lock);
	return parameters;
}

static void remove_directory(void)
{
	DIR *directory = opendir(stage.directory);

	for (struct dirent *entry; directory && (entry = readdir(directory));)
		unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory)
		closedir(directory);
	rmdir(stage.directory);
	*stage.directory = '\0';
}

void daemon_stop(void)
{
	if (stage.asked) {
		shutdown(stage.listener, SHUT_RDWR);
		pthread_join(stage.thread, NULL);
		close(stage.listener);
		json_decref(stage.asked);
		stage.asked = NULL;
		memset(stage.canned, 0, sizeof(stage.canned));
		memset(stage.used, 0, sizeof(stage.used));
	}
	if (*stage.directory)
		remove_directory();
}
