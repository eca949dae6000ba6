/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

#include "reaperctl.h"

int main(int argc, char **argv)
{
	int fd;

	/* Who closed one of the first three would have another file of ours take its place. */
	while ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && fd < 3)
		fcntl(fd, F_SETFD, 0);
	if (fd >= 3)
		close(fd);
	setlocale(LC_ALL, "");
	return reaperctl_run(argc, argv);
}
