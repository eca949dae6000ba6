/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reaperd, the privileged parent: starts the engine, starts it again when it dies, serves its requests, and ends it in
 * good order. It keeps no state about mounts. One loop on poll(2), which never touches a filesystem below a build root.
 */
#ifndef REAPERD_BROKER_BROKER_H
#define REAPERD_BROKER_BROKER_H

/* The whole program: its exit status. */
int broker_main(int argc, char **argv);

#endif
