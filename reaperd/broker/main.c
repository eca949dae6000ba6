/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/broker.h"

int main(int argc, char **argv)
{
	return broker_main(argc, argv);
}
