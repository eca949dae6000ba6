/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mount_spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/text.h"
#include "mount_options.h"
#include "usage.h"

void mount_spec_clear(struct mount_spec *spec)
{
	free(spec->type);
	free(spec->source);
	free(spec->target);
	free(spec->list);
	string_list_clear(&spec->options);
}

/* The bytes up to the next colon; NULL: a broken escape. */
static char *take_field(const char **text)
{
	size_t length = strcspn(*text, ":");
	CLEANUP_FREE char *typed = MUST(strndup(*text, length));
	char *bytes = NULL;

	*text += length + ((*text)[length] == ':');
	return text_unescape(typed, &bytes) < 0 ? NULL : bytes;
}

static int check(const struct cli *cli, const char *text, const struct mount_spec *spec)
{
	char why[512];

	if (!*spec->type || !*spec->target)
		return usage_error(cli, "--mount: '%s' is not TYPE:SOURCE:TARGET[:OPTIONS]", text);
	if (!path_is_plain_relative(spec->target))
		return usage_error(
			cli,
			"--mount: the target of '%s' is no path within the action's directory: relative, without '.' and '..'",
			text);
	if (kernel_mountat_check(&spec->request, why, sizeof(why)) < 0)
		return usage_error(cli, "--mount: '%s': %s", text, why);
	return CLI_DONE;
}

int mount_spec_read(const struct cli *cli, const char *text, struct mount_spec *ret)
{
	const char *rest = text;
	int status;

	*ret = (struct mount_spec){ 0 };
	ret->type = take_field(&rest);
	ret->source = take_field(&rest);
	ret->target = take_field(&rest);
	if (!ret->type || !ret->source || !ret->target)
		return usage_escape(cli, text);
	status = mount_options_read(cli, rest, &ret->options);
	if (status)
		return status;
	ret->list = mount_options_list(&ret->options);
	ret->request = (struct mountat_request){ .type = ret->type,
						 .source = *ret->source ? ret->source : NULL,
						 .options = ret->list };
	return check(cli, text, ret);
}
