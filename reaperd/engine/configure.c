/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/configure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/journal.h"
#include "engine/ledger.h"
#include "engine/methods.h"
#include "engine/metrics.h"
#include "engine/mount_changes.h"
#include "engine/namespaces.h"
#include "engine/pause.h"
#include "engine/prober.h"
#include "engine/reaper.h"
#include "engine/registry.h"
#include "engine/tracker.h"
#include "engine/watcher.h"
#include "kernel/mounts.h"

static int read_configuration(int fd, struct config **ret)
{
	CLEANUP_FREE char *errors = NULL;
	struct stat status;
	void *text;
	int r;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size == 0)
		return -EINVAL;
	text = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return -errno;
	r = config_parse("the broker's configuration", text, (size_t)status.st_size, ret, &errors);
	munmap(text, (size_t)status.st_size);
	if (r < 0)
		log_error("bug of ours: the broker's configuration is refused: %s", errors ? errors : strerror(-r));
	return r;
}

static bool is_configured(const struct config *config, const char *path)
{
	bool found = false;

	for (size_t i = 0; i < config->root_count && !found; i++)
		found = strcmp(config->roots[i].path, path) == 0;
	return found;
}

static void close_removed_roots(struct engine *engine)
{
	for (const struct root *root = model_roots(engine->model); root; root = root->next)
		if (!is_configured(engine->config, root->rules.path))
			store_close_root(engine->store, root->rules.path, engine->now);
}

static int set_roots(struct engine *engine)
{
	CLEANUP_FREE const struct root_rules **rules = calloc(engine->config->root_count + 1, sizeof(*rules));
	int r;

	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < engine->config->root_count; i++)
		rules[i] = &engine->config->roots[i];
	r = model_set_roots(engine->model, rules, engine->config->root_count);
	if (r < 0)
		return r;
	for (struct root *root = model_roots(engine->model); root; root = root->next)
		store_save_root(engine->store, root);
	return 0;
}

static void fail(struct engine *engine, const char *what)
{
	log_error("%s", what);
	engine->exit_status = 3; /* could not tell */
	ev_break(engine->loop, EVBREAK_ALL);
}

static void close_inputs(struct source_inputs *inputs)
{
	cleanup_close(&inputs->events);
}

/* In the order of who needs whom. */
static bool set_up(struct engine *engine, const struct message_configuration *message, int *fds, size_t fd_count)
{
	const bool runners = message->flags & CONFIGURATION_RUNNERS;
	const size_t last = runners ? 4 : 3;
	CLEANUP(close_inputs)
	struct source_inputs inputs = {
		.events = fd_count > last ? take_fd(&fds[last]) : -1,
		.events_error = (int)message->events_error,
		.events_lack = message->events_lack,
	};
	char why[256] = "";

	engine->mnt_namespace = kernel_mount_namespace();
	if (kernel_boot_id(engine->boot_id) < 0)
		snprintf(engine->boot_id, sizeof(engine->boot_id), "unknown");
	engine->metrics = metrics_new();
	engine->model = model_new();
	engine->store = ledger_open(engine);
	if (!engine->metrics || !engine->model || !engine->store || set_roots(engine) < 0)
		return false;
	model_on_generation(engine->model, store_last_generation, engine->store);
	if (store_restore(engine->store, engine->model, engine->now) < 0)
		log_warning("what the ledger knew of this boot could not be restored: evidence starts afresh");
	pause_restore(engine);
	engine->prober = prober_new(engine);
	engine->reaper = reaper_new(engine);
	engine->registry = registry_new(engine);
	if (!engine->prober || !engine->reaper || !engine->registry)
		return false;
	if (fd_count > 1 && methods_serve(engine, take_fd(&fds[1])) < 0)
		return false;
	if (runners && fd_count > 3 && methods_serve_runners(engine, take_fd(&fds[3])) < 0)
		return false;
	if (fd_count > 2)
		engine->watcher = watcher_new(engine, take_fd(&fds[2]));
	engine->tracker = tracker_new(engine, &inputs, mount_changes_take, why, sizeof(why));
	engine->namespaces = namespaces_new(engine, mount_changes_take);
	if (!engine->namespaces)
		return false;
	if (!engine->tracker) {
		log_error("source %s does not work here: %s", source_name(engine->source_wanted), why);
		return false;
	}
	return true;
}

static void warn_of_closed_socket(const struct engine *engine)
{
	bool named = false;

	for (size_t i = 0; i < engine->config->root_count; i++)
		named |= engine->config->roots[i].register_users.count > 0;
	if (engine->runners && !named)
		log_warning("runner-socket: `register` of no root names anybody, so nobody may begin actions there");
}

static void first_configuration(struct engine *engine, const struct message_configuration *message, int *fds,
				size_t fd_count)
{
	engine->flags = message->flags;
	engine->facts.observe = message->flags & CONFIGURATION_OBSERVE;
	engine->source_wanted =
		message->source == SOURCE_AUTO ? engine->config->source : (enum source_kind)message->source;
	snprintf(engine->state_dir, sizeof(engine->state_dir), "%s", message->state_dir);
	engine->daemon_began = message->began;
	engine->deaths = message->deaths;
	snprintf(engine->died, sizeof(engine->died), "%.*s", (int)sizeof(engine->died) - 1, message->text);
	if (!set_up(engine, message, fds, fd_count)) {
		fail(engine, "the engine cannot start");
		return;
	}
	prober_configure(engine->prober);
	registry_configure(engine->registry);
}

static void next_configuration(struct engine *engine)
{
	close_removed_roots(engine);
	registry_take_back(engine, engine->config);
	if (set_roots(engine) < 0) {
		fail(engine, "out of memory while the configuration was taken");
		return;
	}
	prober_configure(engine->prober);
	registry_configure(engine->registry);
	namespaces_configure(engine->namespaces);
	ledger_save_protection(engine);
	journal_write(engine, &(struct journal_event){ .type = EVENT_RELOAD, .detail = "{\"result\":\"taken\"}" });
	log_notice("the new configuration is in force: %zu roots", engine->config->root_count);
	engine_want_read(engine);
}

void configure_take(struct engine *engine, const struct message_configuration *message, int *fds, size_t fd_count)
{
	struct config *config = NULL;
	bool first = !engine->config;

	if (fd_count < 1 || read_configuration(fds[0], &config) < 0) {
		if (first)
			fail(engine, "the engine cannot start without a configuration");
		return;
	}
	config_free(engine->config);
	engine->config = config;
	engine->serial = message->serial;
	if (first)
		first_configuration(engine, message, fds, fd_count);
	else
		next_configuration(engine);
	warn_of_closed_socket(engine);
}
