/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `reaperctl audit`: what is left over right now, without a daemon. Three parts: reading (audit_read.c), asking the
 * action directories (audit_probe.c), and the forms in which the answer is given (audit_format.c). It changes nothing.
 */
#ifndef REAPERD_CLI_AUDIT_H
#define REAPERD_CLI_AUDIT_H

#include "cli.h"
#include "config/config.h"
#include "kernel/probe.h"
#include "model/model.h"

/*
 * One read of the mount table below the configuration's roots, with what the ledger remembers of them; what could not
 * be learnt is added to `notes` as sentences. Graces are taken as over. CLI_DONE, or CLI_UNSURE with a message.
 */
int audit_read(const struct config *config, struct now now, struct string_list *notes, struct model **ret);

/*
 * [{"path", "health"}] of the build roots, as they answer, in the daemon's words; a sentence for each that is not ok is
 * added to `notes`. `model`: of audit_read().
 */
json_t *audit_roots(const struct config *config, struct model *model, struct string_list *notes);

/* Asks about every action of the model and sets what evidence follows. */
void audit_probe(struct model *model, struct now now);

/* What one answer (NULL: it hung) says of the action. */
void audit_take_answer(struct model *model, struct action *action, const struct kernel_probe_result *answer,
		       struct now now);

enum audit_format { AUDIT_TEXT, AUDIT_JSON, AUDIT_NAGIOS, AUDIT_PROMETHEUS };
extern const char *const audit_format_names[];

/* What is printed: the object of report_audit(), the paths of the build roots that were looked at, and the notes. */
struct audit_result {
	json_t *audit;
	const struct string_list *roots;
	const struct string_list *notes;
};
void audit_print(const struct cli *cli, const struct audit_result *result, enum audit_format format);

/* The exit status; nagios has its own. */
int audit_status(const json_t *audit, enum audit_format format);

#endif
