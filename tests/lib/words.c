/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the documents must have: each word that users see, as lines "KIND WORD", and then the default configuration with
 * one root, as the daemon shows it. For tests/check-documents.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/words.h"
#include "config/config.h"
#include "kernel/holders.h"
#include "model/model.h"
#include "policy/policy.h"

static void print_words(const char *kind, const char *const *words)
{
	for (; *words; words++)
		printf("%s %s\n", kind, *words);
}

int main(void)
{
	struct config *config = config_new();
	CLEANUP_FREE char *text = NULL;
	char why[256];

	print_words("evidence", evidence_names);
	print_words("step", step_names);
	print_words("outcome", outcome_names);
	print_words("action-state", action_state_names);
	print_words("mount-state", mount_state_names);
	print_words("event", event_type_names);
	print_words("source", source_names);
	for (int i = 0; i < VERDICT_COUNT; i++)
		printf("verdict %s\n", verdict_name(i));
	for (int i = HOLD_NONE + 1; i < HOLD_COUNT; i++)
		printf("hold %s\n", hold_name(i));
	for (int i = ROOT_HEALTH_OK; i <= ROOT_HEALTH_UNKNOWN; i++)
		printf("health %s\n", root_health_name(i));
	for (int i = KERNEL_HOLDER_CWD; i <= KERNEL_HOLDER_LAYER; i++)
		printf("holder %s\n", kernel_holder_names[i]);
	if (!config || config_add_root(config, "/root", why, sizeof(why)) < 0 || !(text = config_text(config)))
		return 1;
	fputs(text, stdout);
	config_free(config);
	return 0;
}
