/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "kernel/mounts.h"
#include "ledger.h"
#include "source/source.h"

static void add_note(struct string_list *notes, char *note)
{
	if (string_list_add(notes, note) < 0)
		must(NULL);
	free(note);
}

/* An audit asks what is left over now: it does not wait for a grace. */
static int set_roots(struct model *model, const struct config *config)
{
	CLEANUP_FREE struct root_rules *rules = MUST(calloc(config->root_count + 1, sizeof(*rules)));
	CLEANUP_FREE const struct root_rules **pointers = MUST(calloc(config->root_count + 1, sizeof(*pointers)));

	for (size_t i = 0; i < config->root_count; i++) {
		rules[i] = config->roots[i]; /* borrows the strings: model_set_roots() copies */
		rules[i].grace = rules[i].grace_hollow = 0;
		pointers[i] = &rules[i];
	}
	return model_set_roots(model, pointers, config->root_count);
}

/* Without its history an action is judged by what is there alone. */
static struct store *restore(const struct config *config, struct model *model, struct now now,
			     struct string_list *notes)
{
	CLEANUP_FREE char *path = MUST(path_join(config->state_dir, "ledger.db"));
	CLEANUP_FREE char *shown = MUST(text_escape(path));
	CLEANUP_STORE struct store *store = NULL;
	char boot_id[37];
	int r = store_open_readonly(path, &store);

	if (r == 0)
		r = kernel_boot_id(boot_id);
	if (r == 0)
		r = store_begin_boot(store, boot_id, kernel_mount_namespace(), now);
	if (r == -ENOENT && store) {
		add_note(
			notes,
			must_format(
				"the ledger %s knows nothing of this boot and mount namespace: what ended or moved is not known",
				shown));
		return take_ptr(store);
	}
	if (r == 0)
		r = store_restore(store, model, now);
	if (r == 0)
		return take_ptr(store);
	if (r == -ENOENT)
		add_note(notes, must_format("no ledger at %s: what ended or moved is not known", shown));
	else
		add_note(notes, must_format("the ledger %s cannot be read (%s): what ended or moved is not known",
					    shown, strerror(-r)));
	return NULL;
}

static int read_table(struct model *model, struct now now)
{
	struct source source;
	struct scan scan = { 0 };
	struct changes changes = { 0 };
	char why[256] = "";
	int r = source_open(SOURCE_AUTO, NULL, &source, why, sizeof(why));

	if (r < 0) {
		log_error("could not open the mount table: %s", *why ? why : strerror(-r));
		return CLI_UNSURE;
	}
	r = source.ops->read(&source, model, true, &scan);
	if (r == 0)
		r = model_apply(model, &scan, now, &changes);
	if (r < 0)
		log_error("could not read the mount table: %s", strerror(-r));
	scan_clear(&scan);
	changes_clear(&changes);
	source_close(&source);
	return r < 0 ? CLI_UNSURE : CLI_DONE;
}

int audit_read(const struct config *config, struct now now, struct string_list *notes, struct model **ret)
{
	struct model *model = MUST(model_new());
	CLEANUP_STORE struct store *store = NULL;
	int status;

	if (set_roots(model, config) < 0)
		must(NULL);
	store = restore(config, model, now, notes);
	if (store)
		model_on_generation(model, store_last_generation, store);
	status = read_table(model, now);
	model_on_generation(model, NULL, NULL);
	if (status)
		model_free(model);
	else
		*ret = model;
	return status;
}
