/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/root_rows.h"

#include <stdlib.h>
#include <string.h>

struct root_row {
	char *path;
	int64_t row;
	struct root_row *next;
};

int64_t root_rows_find(const struct root_row *rows, const char *path)
{
	for (const struct root_row *root = rows; root; root = root->next)
		if (strcmp(root->path, path) == 0)
			return root->row;
	return 0;
}

void root_rows_add(struct root_row **rows, const char *path, int64_t row)
{
	struct root_row *root = calloc(1, sizeof(*root));

	if (root)
		root->path = strdup(path);
	if (!root || !root->path) {
		free(root);
		return;
	}
	root->row = row;
	root->next = *rows;
	*rows = root;
}

void root_rows_clear(struct root_row **rows)
{
	while (*rows) {
		struct root_row *root = *rows;

		*rows = root->next;
		free(root->path);
		free(root);
	}
}
