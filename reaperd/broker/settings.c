/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/text.h"
#include "broker/roots.h"

static void settings_free(struct settings *settings)
{
	config_free(settings->config);
	cleanup_close(&settings->text);
	free(settings);
}

struct settings *settings_ref(struct settings *settings)
{
	settings->references++;
	return settings;
}

void settings_unref(struct settings *settings)
{
	if (settings && --settings->references == 0)
		settings_free(settings);
}

static int refuse(char **ret_errors, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int refuse(char **ret_errors, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(ret_errors, format, arguments) < 0)
		*ret_errors = NULL;
	va_end(arguments);
	return -EINVAL;
}

static int read_file(const struct options *options, struct config **ret, char **ret_errors)
{
	if (!options->config && access(CONFIG_DEFAULT_FILE, F_OK) < 0 && errno == ENOENT) {
		*ret = config_new();
		return *ret ? 0 : -ENOMEM;
	}
	return config_load(options->config ? options->config : CONFIG_DEFAULT_FILE, ret, ret_errors);
}

static struct root_rules *find_root(struct root_rules *roots, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(roots[i].path, path))
			return &roots[i];
	return NULL;
}

/* The roots of the command line replace those of the file; one that both name keeps its rules. */
static int replace_roots(const struct options *options, struct config *config, char **ret_errors)
{
	struct root_rules *old = take_ptr(config->roots);
	size_t old_count = config->root_count;
	int r = 0;

	config->root_count = 0;
	for (size_t i = 0; i < options->root_count && r == 0; i++) {
		char why[256] = "out of memory";
		struct root_rules *added, *known;

		r = config_add_root(config, options->roots[i], why, sizeof(why));
		if (r < 0) {
			CLEANUP_FREE char *shown = text_escape(options->roots[i]);

			refuse(ret_errors, "--root %s: %s", shown ? shown : "?", why);
			break;
		}
		added = &config->roots[config->root_count - 1];
		known = find_root(old, old_count, added->path);
		if (known) {
			struct root_rules fresh = *added;

			*added = *known;
			*known = fresh;
		}
	}
	for (size_t i = 0; i < old_count; i++)
		rules_clear(&old[i]);
	free(old);
	return r;
}

/* 0, -ENOMEM or -EINVAL. What a service manager made for us ranks above the default, below what a person wrote. */
static int choose_directory(char **directory, const char *option, const char *variable, const char *by_default,
			    char **ret_errors)
{
	const char *environment = getenv(variable);
	CLEANUP_FREE char *chosen = NULL;
	char *normal;

	if (option)
		chosen = strdup(option);
	else if (environment && *environment && !strcmp(*directory, by_default))
		chosen = strndup(environment, strcspn(environment, ":"));
	else
		chosen = strdup(*directory);
	if (!chosen)
		return -ENOMEM;
	if (path_normalize(chosen, &normal) < 0)
		return refuse(ret_errors, "%s: the directory must be an absolute path without \".\" and \"..\"",
			      chosen);
	free(*directory);
	*directory = normal;
	return 0;
}

static int apply_options(const struct options *options, struct config *config, char **ret_errors)
{
	int r = options->root_count ? replace_roots(options, config, ret_errors) : 0;

	if (r == 0 && !config->root_count)
		r = refuse(ret_errors, "there is no build root: give --root DIR, or a section [root DIR] in %s",
			   options->config ? options->config : CONFIG_DEFAULT_FILE);
	if (r == 0)
		r = choose_directory(&config->state_dir, options->state_dir, "STATE_DIRECTORY",
				     CONFIG_DEFAULT_STATE_DIR, ret_errors);
	if (r == 0)
		r = choose_directory(&config->runtime_dir, options->runtime_dir, "RUNTIME_DIRECTORY",
				     CONFIG_DEFAULT_RUNTIME_DIR, ret_errors);
	if (r == 0 && config_root_of_socket(config))
		r = refuse(ret_errors, "runner-socket lies in a build root: choose a place that no build can reach");
	if (options->has_source)
		config->source = options->source;
	return r;
}

/* Sealed, so that what the engine reads is what was checked. */
static int make_text(const struct config *config)
{
	CLEANUP_FREE char *text = config_text(config);
	CLEANUP_CLOSE int fd = -1;
	size_t length, done = 0;

	if (!text)
		return -ENOMEM;
	length = strlen(text);
	fd = memfd_create("reaperd configuration", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	while (done < length) {
		ssize_t n = write(fd, text + done, length - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	return take_fd(&fd);
}

int settings_load(const struct options *options, uint32_t serial, struct batch_pool *pool, struct settings **ret,
		  char **ret_errors)
{
	struct settings *settings = calloc(1, sizeof(*settings));
	int r;

	*ret_errors = NULL;
	if (!settings)
		return -ENOMEM;
	settings->references = 1;
	settings->serial = serial;
	settings->text = -1;
	r = read_file(options, &settings->config, ret_errors);
	if (r == 0)
		r = apply_options(options, settings->config, ret_errors);
	if (r == 0)
		r = roots_resolve(settings->config, pool, ret_errors);
	if (r == 0) {
		settings->text = make_text(settings->config);
		r = settings->text < 0 ? settings->text : 0;
	}
	if (r < 0) {
		settings_unref(settings);
		if (!*ret_errors)
			refuse(ret_errors, "the configuration cannot be read: %s", strerror(-r));
		return r;
	}
	*ret = settings;
	return 0;
}
