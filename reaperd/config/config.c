/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/path.h"
#include "base/text.h"
#include "config/keys.h"
#include "config/mistakes.h"
#include "config/overlap.h"
#include "config/sections.h"

#define FILE_SIZE_MAX	(16 << 20)
#define SECONDS_PER_DAY INT64_C(86400)

/* A configuration in the making. */
struct loading {
	struct config *config;
	struct mistakes mistakes;
	struct string_list files;    /* read so far; places point to these names */
	struct place_in_file *roots; /* where config->roots[] stand */
};

struct config *config_new(void)
{
	struct config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	*config = (struct config){
		.user = strdup("reaperd"),
		.source = SOURCE_AUTO,
		.state_dir = strdup(CONFIG_DEFAULT_STATE_DIR),
		.runtime_dir = strdup(CONFIG_DEFAULT_RUNTIME_DIR),
		.runner_socket = strdup(""),
		.retain = 30 * SECONDS_PER_DAY * NSEC_PER_SEC,
		.retain_size = INT64_C(512) << 20,
		.max_reaps_per_minute = 6000,
	};
	if (!config->user || !config->state_dir || !config->runtime_dir || !config->runner_socket ||
	    string_list_add(&config->namespaces, "self") < 0) {
		config_free(config);
		return NULL;
	}
	return config;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->root_count; i++)
		rules_clear(&config->roots[i]);
	free(config->roots);
	free(config->user);
	free(config->state_dir);
	free(config->runtime_dir);
	free(config->runner_socket);
	string_list_clear(&config->namespaces);
	free(config);
}

/* How `path` lies to the first root that it meets, whose index goes to *ret_index. */
static enum overlap find_overlap(const struct config *config, const char *path, size_t *ret_index)
{
	enum overlap overlap = OVERLAP_NONE;

	for (size_t i = 0; i < config->root_count && overlap == OVERLAP_NONE; i++) {
		*ret_index = i;
		overlap = overlap_of(path, config->roots[i].path);
	}
	return overlap;
}

const struct root_rules *config_root_of_socket(const struct config *config)
{
	for (size_t i = 0; *config->runner_socket && i < config->root_count; i++)
		if (path_is_below(config->runner_socket, config->roots[i].path))
			return &config->roots[i];
	return NULL;
}

/* Takes what `rules` holds: 0 or -ENOMEM. */
static int append_root(struct config *config, struct root_rules *rules)
{
	struct root_rules *roots = reallocarray(config->roots, config->root_count + 1, sizeof(*roots));

	if (!roots)
		return -ENOMEM;
	config->roots = roots;
	roots[config->root_count++] = *rules;
	*rules = (struct root_rules){ 0 };
	return 0;
}

int config_add_root(struct config *config, const char *path, char *why, size_t size)
{
	CLEANUP_FREE char *normal = NULL;
	CLEANUP_FREE char *shown = NULL;
	char sentence[SENTENCE_SIZE];
	struct root_rules rules;
	enum overlap overlap;
	size_t other;
	int r = root_path_check(path, &normal, sentence);

	if (r == -EINVAL) {
		snprintf(why, size, "%s", sentence);
		return r;
	}
	if (r < 0)
		return r;
	overlap = find_overlap(config, normal, &other);
	switch (overlap) {
	case OVERLAP_NONE:
		break;
	case OVERLAP_SAME:
		snprintf(why, size, "this root is named twice");
		return -EINVAL;
	case OVERLAP_INSIDE:
	case OVERLAP_AROUND:
		shown = text_escape(config->roots[other].path);
		if (!shown)
			return -ENOMEM;
		snprintf(why, size,
			 overlap == OVERLAP_INSIDE ? "it lies inside the root %.200s: each root is tracked by itself" :
						     "the root %.200s lies inside it: each root is tracked by itself",
			 shown);
		return -EINVAL;
	}
	r = rules_init(&rules, normal);
	if (r == 0)
		r = append_root(config, &rules);
	rules_clear(&rules);
	return r;
}

static void note(struct loading *loading, struct place_in_file place, unsigned line, int r, const char *sentence)
{
	place.line = line;
	if (r == -EINVAL)
		mistakes_add(&loading->mistakes, place, "%s", sentence);
	else if (r < 0)
		loading->mistakes.no_memory = true;
}

static void note_value(struct loading *loading, struct place_in_file place, const struct key_value *value, int r,
		       const char *sentence)
{
	char with_key[SENTENCE_SIZE + 128];

	if (r == 0)
		return;
	snprintf(with_key, sizeof(with_key), "%.100s: %s", value->key, r == -EINVAL ? sentence : "");
	note(loading, place, value->line, r, with_key);
}

static void take_daemon(struct loading *loading, struct place_in_file place, const struct section *section,
			unsigned *seen)
{
	char why[SENTENCE_SIZE];

	if (*seen) {
		snprintf(why, sizeof(why), "the section [daemon] stands twice in this file, first on line %u", *seen);
		note(loading, place, section->line, -EINVAL, why);
	}
	*seen = *seen ? *seen : section->line;
	for (size_t i = 0; i < section->value_count; i++) {
		const struct key_value *value = &section->values[i];

		note_value(loading, place, value, daemon_key_set(loading->config, value->key, value->value, why), why);
	}
}

static const char *const how[] = {
	[OVERLAP_SAME] = "this root stands already",
	[OVERLAP_INSIDE] = "this root lies inside another",
	[OVERLAP_AROUND] = "another root lies inside this one",
};

/* The same in other mount namespaces. */
static bool root_stands_alone_elsewhere(struct loading *loading, struct place_in_file place,
					const struct root_rules *rules)
{
	for (size_t i = 0; i < loading->config->root_count; i++) {
		const char *selector;
		enum overlap overlap = overlap_elsewhere(rules, &loading->config->roots[i], &selector);

		if (overlap == OVERLAP_NONE)
			continue;
		mistakes_add(&loading->mistakes, place, "by path.%s, %s, in %s:%u", selector, how[overlap],
			     loading->roots[i].name, loading->roots[i].line);
		return false;
	}
	return true;
}

/* True where no other root is the same, inside or around; says so otherwise. */
static bool root_stands_alone(struct loading *loading, struct place_in_file place, unsigned line,
			      const struct root_rules *rules)
{
	size_t other = 0;
	enum overlap overlap = find_overlap(loading->config, rules->path, &other);

	place.line = line;
	if (overlap == OVERLAP_NONE)
		return root_stands_alone_elsewhere(loading, place, rules);
	mistakes_add(&loading->mistakes, place, "%s, in %s:%u", how[overlap], loading->roots[other].name,
		     loading->roots[other].line);
	return false;
}

static int keep_root(struct loading *loading, struct place_in_file place, unsigned line, struct root_rules *rules)
{
	size_t index = loading->config->root_count;
	struct place_in_file *roots = reallocarray(loading->roots, index + 1, sizeof(*roots));

	if (!roots)
		return -ENOMEM;
	loading->roots = roots;
	roots[index] = place;
	roots[index].line = line;
	return append_root(loading->config, rules);
}

/* The keys of a root that cannot be one are looked at all the same: a person wants all mistakes at once. */
static void take_root(struct loading *loading, struct place_in_file place, const struct section *section,
		      const char *text)
{
	CLEANUP_FREE char *path = NULL;
	char why[SENTENCE_SIZE];
	struct root_rules rules;
	int r = root_path_parse(text, &path, why);

	note(loading, place, section->line, r, why);
	if (rules_init(&rules, path ? path : "") < 0) {
		loading->mistakes.no_memory = true;
		return;
	}
	for (size_t i = 0; i < section->value_count; i++) {
		const struct key_value *value = &section->values[i];

		note_value(loading, place, value, root_key_set(&rules, value->key, value->value, why), why);
	}
	if (path && root_stands_alone(loading, place, section->line, &rules))
		note(loading, place, section->line, keep_root(loading, place, section->line, &rules), why);
	rules_clear(&rules);
}

static void refuse_section(struct loading *loading, struct place_in_file place, const struct section *section)
{
	static const char *const words[] = { "daemon", "root", NULL };
	CLEANUP_FREE char *shown = text_escape(section->name);
	CLEANUP_FREE char *first = strndup(section->name, strcspn(section->name, " \t"));
	char why[SENTENCE_SIZE], hint[64];

	if (!shown || !first) {
		loading->mistakes.no_memory = true;
		return;
	}
	snprintf(why, sizeof(why), "unknown section \"%.200s\": there are [daemon] and [root /path]%s", shown,
		 nearest_hint(first, words, hint, sizeof(hint)));
	note(loading, place, section->line, -EINVAL, why);
}

static void take_section(struct loading *loading, struct place_in_file place, const struct section *section,
			 unsigned *daemon)
{
	size_t word = strcspn(section->name, " \t");

	if (strcmp(section->name, "daemon") == 0)
		take_daemon(loading, place, section, daemon);
	else if (word == strlen("root") && strncmp(section->name, "root", word) == 0)
		take_root(loading, place, section, section->name + word + strspn(section->name + word, " \t"));
	else
		refuse_section(loading, place, section);
}

/* The name goes into the list of files, for mistakes in later files speak of it, too. */
static int begin_file(struct loading *loading, const char *name, struct place_in_file *ret)
{
	CLEANUP_FREE char *shown = text_escape(name);

	if (!shown || string_list_add(&loading->files, shown) < 0) {
		loading->mistakes.no_memory = true;
		return -ENOMEM;
	}
	*ret = (struct place_in_file){
		.file = (unsigned)loading->files.count,
		.name = loading->files.items[loading->files.count - 1],
	};
	return 0;
}

static void take_text(struct loading *loading, struct place_in_file place, const char *text, size_t length)
{
	struct sections sections;
	unsigned daemon = 0;

	if (sections_read(place, text, length, &loading->mistakes, &sections) < 0)
		loading->mistakes.no_memory = true;
	for (size_t i = 0; i < sections.count; i++)
		take_section(loading, place, &sections.items[i], &daemon);
	sections_clear(&sections);
}

static int read_file(int fd, char **ret_text, size_t *ret_length)
{
	CLEANUP_FREE char *text = NULL;
	size_t used = 0, allocated = 0;

	for (;;) {
		ssize_t got;

		if (allocated - used < 4096) {
			char *larger = realloc(text, allocated + (64 << 10));

			if (!larger)
				return -ENOMEM;
			text = larger;
			allocated += 64 << 10;
		}
		got = read(fd, text + used, allocated - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
		if (used > FILE_SIZE_MAX)
			return -EFBIG;
	}
	*ret_text = take_ptr(text);
	*ret_length = used;
	return 0;
}

/* A pipe or a device may never answer; none is a place for a configuration, but for the one that is always empty. */
static bool is_readable_kind(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || /* reading it says so */
				       (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)));
}

static int take_file(struct loading *loading, const char *file)
{
	CLEANUP_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	CLEANUP_FREE char *text = NULL;
	struct place_in_file place;
	size_t length = 0;
	int r = fd < 0 ? -errno : is_readable_kind(fd) ? read_file(fd, &text, &length) : -EMEDIUMTYPE;

	if (begin_file(loading, file, &place) < 0)
		return -ENOMEM;
	if (r == -EMEDIUMTYPE || r == -ENXIO)
		mistakes_add(&loading->mistakes, place, "cannot be read: not a regular file");
	else if (r == -EFBIG)
		mistakes_add(&loading->mistakes, place, "cannot be read: more than %d MiB", FILE_SIZE_MAX >> 20);
	else if (r < 0)
		mistakes_add(&loading->mistakes, place, "cannot be read: %s", strerror(-r));
	else
		take_text(loading, place, text, length);
	return r;
}

static int is_configuration_file(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && strcmp(dot, ".conf") == 0;
}

/* By bytes: the order is the same under every locale. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int take_entry(struct loading *loading, const char *directory, const char *name)
{
	CLEANUP_FREE char *path = path_join(directory, name);

	return path ? take_file(loading, path) : -ENOMEM;
}

/* FILE.d/<name>.conf; no such directory is fine. */
static int take_directory(struct loading *loading, const char *file)
{
	CLEANUP_FREE char *directory = NULL;
	struct dirent **entries = NULL;
	struct place_in_file place;
	int count, first = 0;

	if (asprintf(&directory, "%s.d", file) < 0)
		return -ENOMEM;
	count = scandir(directory, &entries, is_configuration_file, compare_names);
	if (count < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (count < 0) {
		first = -errno;
		if (begin_file(loading, directory, &place) == 0)
			mistakes_add(&loading->mistakes, place, "cannot be read: %s", strerror(-first));
		return first;
	}
	for (int i = 0; i < count; i++) {
		int r = take_entry(loading, directory, entries[i]->d_name);

		first = first ? first : r;
		free(entries[i]);
	}
	free(entries);
	return first;
}

/* Ends a loading with the result `r` of its reading: the configuration, or the list of mistakes. */
static int finish_loading(struct loading *loading, int r, struct config **ret, char **ret_errors)
{
	const struct root_rules *around = loading->config ? config_root_of_socket(loading->config) : NULL;

	*ret_errors = NULL;
	if (around)
		mistakes_add(&loading->mistakes, loading->roots[around - loading->config->roots],
			     "runner-socket lies in this root: choose a place that no build can reach");
	if (loading->mistakes.count > 0) {
		*ret_errors = mistakes_text(&loading->mistakes);
		loading->mistakes.no_memory |= !*ret_errors;
		r = r < 0 ? r : -EINVAL;
	}
	if (loading->mistakes.no_memory)
		r = -ENOMEM;
	if (r == 0)
		*ret = take_ptr(loading->config);
	config_free(loading->config);
	mistakes_clear(&loading->mistakes);
	string_list_clear(&loading->files);
	free(loading->roots);
	return r;
}

int config_load(const char *file, struct config **ret, char **ret_errors)
{
	struct loading loading = { .config = config_new() };
	int r = -ENOMEM;

	if (loading.config) {
		int from_directory;

		r = take_file(&loading, file);
		from_directory = take_directory(&loading, file);
		r = r < 0 ? r : from_directory;
	}
	return finish_loading(&loading, r, ret, ret_errors);
}

int config_parse(const char *name, const char *text, size_t length, struct config **ret, char **ret_errors)
{
	struct loading loading = { .config = config_new() };
	struct place_in_file place;
	int r = loading.config ? begin_file(&loading, name, &place) : -ENOMEM;

	if (r == 0)
		take_text(&loading, place, text, length);
	return finish_loading(&loading, r, ret, ret_errors);
}
