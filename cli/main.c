/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <locale.h>

#include "reaperctl.h"

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "");
	return reaperctl_run(argc, argv);
}
