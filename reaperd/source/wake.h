/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Being woken by a change of the mount table: libmount's monitor, an epoll fd that becomes readable. Many changes make
 * one wake-up; a change after wake_drain() makes the next one, so drain first and read then.
 */
#ifndef REAPERD_SOURCE_WAKE_H
#define REAPERD_SOURCE_WAKE_H

#include <libmount/libmount.h>

/* *ret_fd belongs to the monitor. 0 or -errno. */
int wake_open(struct libmnt_monitor **ret, int *ret_fd);

/* 1: the table had changed, 0: it had not, or -errno. */
int wake_drain(struct libmnt_monitor *monitor);

#endif
