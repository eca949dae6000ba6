/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Prints the mounts of its namespace, one JSON object a line, by ascending unique id, with the kernel's answers alone.
 * In the strings, bytes outside printable ASCII are \xNN and a backslash is two.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "kernel/mounts.h"

static void print_string(const char *key, const char *bytes)
{
	printf(", \"%s\": \"", key);
	for (const unsigned char *p = (const unsigned char *)bytes; *p; p++) {
		if (*p == '\\')
			fputs("\\\\\\\\", stdout);
		else if (*p < 0x20 || *p > 0x7e)
			printf("\\\\x%02x", *p);
		else if (*p == '"')
			fputs("\\\"", stdout);
		else
			putchar(*p);
	}
	putchar('"');
}

static void print_mount(const struct mount_status *status)
{
	char type[512];

	snprintf(type, sizeof(type), "%s%s%s", status->fstype, *status->subtype ? "." : "", status->subtype);
	printf("{\"id\": %llu, \"id32\": %u, \"parent\": %llu", (unsigned long long)status->id, status->id32,
	       (unsigned long long)status->parent);
	print_string("target", status->target);
	printf(", \"dev\": \"%u:%u\"", major(status->dev), minor(status->dev));
	print_string("fstype", type);
	print_string("root", status->root);
	puts("}");
}

int main(void)
{
	static char buffer[1 << 20];
	CLEANUP_FREE uint64_t *ids = NULL;
	size_t count;
	int r;

	r = kernel_listmount_all(&ids, &count);
	if (r < 0)
		errx(1, "listmount: %s", strerror(-r));
	for (size_t i = 0; i < count; i++) {
		struct mount_status status;

		r = kernel_statmount_full(ids[i], buffer, sizeof(buffer), &status, NULL);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			errx(1, "statmount: %s", strerror(-r));
		print_mount(&status);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
