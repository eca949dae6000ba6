/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "config/config.h"

enum {
	OPTION_CONFIG = 256,
	OPTION_ROOT,
	OPTION_STATE_DIR,
	OPTION_RUNTIME_DIR,
	OPTION_SOURCE,
	OPTION_OBSERVE,
	OPTION_ONCE,
	OPTION_LOG_LEVEL,
	OPTION_VERSION,
	OPTION_HELP
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "state-dir", required_argument, NULL, OPTION_STATE_DIR },
	{ "runtime-dir", required_argument, NULL, OPTION_RUNTIME_DIR },
	{ "source", required_argument, NULL, OPTION_SOURCE },
	{ "observe", no_argument, NULL, OPTION_OBSERVE },
	{ "once", no_argument, NULL, OPTION_ONCE },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

static const char *const option_names[] = {
	"--config", "--root",	   "--state-dir", "--runtime-dir", "--source", "--observe",
	"--once",   "--log-level", "--version",	  "--help",	   NULL,
};

static const char *const level_names[] = { "error", "warning", "notice", "info", "debug", NULL };

static void print_help(void)
{
	printf("Usage: reaperd [OPTION]...\n"
	       "Takes away the mounts that dead build actions leave below build roots.\n"
	       "\n"
	       "  --config FILE      the configuration (default %s, where it exists)\n"
	       "  --root DIR         a build root, instead of those of the configuration; may be repeated\n"
	       "  --state-dir DIR    where the ledger is kept (default %s)\n"
	       "  --runtime-dir DIR  where the control socket is (default %s)\n"
	       "  --source S         auto, fanotify, listmount or mountinfo\n"
	       "  --observe          say what would be done, do nothing\n"
	       "  --once             one scan, reap what is over, report, and exit:\n"
	       "                     0 clean, 1 leftovers or stuck mounts, 3 could not tell\n"
	       "  --log-level L      error, warning, notice, info or debug\n"
	       "  --version          print the version\n"
	       "  --help             print this\n",
	       CONFIG_DEFAULT_FILE, CONFIG_DEFAULT_STATE_DIR, CONFIG_DEFAULT_RUNTIME_DIR);
}

static int complain(const char *what, const char *word, const char *const *words)
{
	CLEANUP_FREE char *shown = text_escape(word);
	const char *nearest = words ? text_nearest(word, words) : NULL;

	fprintf(stderr, "reaperd: %s: %s", what, shown ? shown : "");
	if (nearest)
		fprintf(stderr, " (did you mean %s?)", nearest);
	fprintf(stderr, "\nreaperd: --help lists the options\n");
	return 2;
}

/* The wrong word itself, without "=value", which getopt leaves in argv. */
static int complain_about_option(int code, char **argv, int index)
{
	CLEANUP_FREE char *word = strdup(argv[index]);

	if (!word)
		return 2;
	word[strcspn(word, "=")] = '\0';
	if (code == ':')
		return complain("an argument is missing", word, NULL);
	return complain(optopt >= OPTION_CONFIG ? "an argument is too much" : "unknown option", word,
			optopt >= OPTION_CONFIG ? NULL : option_names);
}

static int add_root(struct options *options, const char *root)
{
	const char **roots = reallocarray(options->roots, options->root_count + 1, sizeof(*roots));

	if (!roots)
		return complain("out of memory", root, NULL);
	options->roots = roots;
	options->roots[options->root_count++] = root;
	return -1;
}

static int take_source(struct options *options, const char *argument)
{
	options->has_source = true;
	if (source_parse(argument, &options->source) < 0)
		return complain("unknown source", argument, source_names);
	return -1;
}

static int take(struct options *options, int code, const char *argument)
{
	switch (code) {
	case OPTION_CONFIG:
		options->config = argument;
		return -1;
	case OPTION_ROOT:
		return add_root(options, argument);
	case OPTION_STATE_DIR:
		options->state_dir = argument;
		return -1;
	case OPTION_RUNTIME_DIR:
		options->runtime_dir = argument;
		return -1;
	case OPTION_SOURCE:
		return take_source(options, argument);
	case OPTION_OBSERVE:
		options->observe = true;
		return -1;
	case OPTION_ONCE:
		options->once = true;
		return -1;
	case OPTION_LOG_LEVEL:
		return log_level_parse(argument, &options->log_level) < 0 ?
			       complain("unknown level", argument, level_names) :
			       -1;
	case OPTION_VERSION:
		printf("reaperd %s\n", PACKAGE_VERSION);
		return 0;
	default:
		print_help();
		return 0;
	}
}

int options_parse(int argc, char **argv, struct options *ret)
{
	int code, status;

	*ret = (struct options){ .log_level = LOG_LEVEL_INFO };
	opterr = 0;
	optind = 0;
	for (;;) {
		int index = optind ? optind : 1;

		code = getopt_long(argc, argv, "+:", long_options, NULL);
		if (code == -1)
			break;
		if (code == '?' || code == ':')
			return complain_about_option(code, argv, index);
		status = take(ret, code, optarg);
		if (status >= 0)
			return status;
	}
	return optind < argc ? complain("not an option", argv[optind], NULL) : -1;
}

void options_clear(struct options *options)
{
	free(options->roots);
	options->roots = NULL;
}
