/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sandbox/calls.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/sanitized.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

#define PARENT CALLER_BROKER
#define CHILD  (CALLER_BROKER | CALLER_CHILD)  /* a filter is inherited: what a child does its parent may, too */
#define ENGINE (CALLER_BROKER | CALLER_ENGINE) /* and what the engine does */
#define ALL    (CALLER_BROKER | CALLER_CHILD | CALLER_ENGINE)
#define DEADLY CALLER_DEADLY

#define ANY		    0, 0, 0
#define ARG(n, mask, value) n, mask, value
#define WRITE_OR_EXEC	    (PROT_WRITE | PROT_EXEC)
#define NAMESPACES                                                                                                     \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define IOCTL(first, second) ARG(1, 0xFFFF, (first) << 8 | (second))

/* clone(2)'s flags come second there. */
#ifdef __s390__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/*
 * In groups, for people. Names that an architecture has not are passed over, so those of 32 bits stand beside the
 * others.
 */
const struct sandbox_call sandbox_calls[] = {
	/* The C library's own: memory, locks, time, signals, the end. */
	{ "brk", ALL, ANY },
	{ "clock_getres", ALL, ANY },
	{ "clock_getres_time64", ALL, ANY },
	{ "clock_gettime", ALL, ANY },
	{ "clock_gettime64", ALL, ANY },
	{ "clock_nanosleep", ALL, ANY },
	{ "clock_nanosleep_time64", ALL, ANY },
	{ "exit", ALL, ANY },
	{ "exit_group", ALL, ANY },
	{ "futex", ALL, ANY },
	{ "futex_time64", ALL, ANY },
	{ "get_robust_list", ALL, ANY },
	{ "getcpu", ALL, ANY },
	{ "getrandom", ALL, ANY },
	{ "gettimeofday", ALL, ANY },
	{ "madvise", ALL, ANY },
	{ "membarrier", ALL, ANY },
	{ "mremap", ALL, ANY },
	{ "munmap", ALL, ANY },
	{ "nanosleep", ALL, ANY },
	{ "restart_syscall", ALL, ANY },
	{ "rseq", ALL, ANY },
	{ "rt_sigaction", ALL, ANY },
	{ "rt_sigprocmask", ALL, ANY },
	{ "rt_sigreturn", ALL, ANY },
	{ "sched_getaffinity", ALL, ANY },
	{ "sched_yield", ALL, ANY },
	{ "set_robust_list", ALL, ANY },
	{ "set_tid_address", ALL, ANY },
	{ "set_thread_area", ALL, ANY }, /* i386 */
	{ "set_tls", ALL, ANY },	 /* arm */
	{ "cacheflush", ALL, ANY },
	{ "riscv_flush_icache", ALL, ANY },
	{ "arch_prctl", ALL, ANY },
	{ "setitimer", ALL, ANY }, /* gcc -pg */
	{ "sigaction", ALL, ANY },
	{ "sigaltstack", ALL, ANY },
	{ "sigprocmask", ALL, ANY },
	{ "sigreturn", ALL, ANY },
	{ "sysinfo", ALL, ANY },
	{ "time", ALL, ANY },
	{ "ugetrlimit", ALL, ANY },
	{ "getrlimit", ALL, ANY },
	{ "setrlimit", ALL, ANY },
	{ "prlimit64", ALL, ARG(0, UINT32_MAX, 0) }, /* our own */
	{ "prctl", CHILD, ANY },
	{ "prctl", CALLER_ENGINE, ARG(0, UINT32_MAX, PR_SET_NAME) },
	{ "prctl", CALLER_ENGINE, ARG(0, UINT32_MAX, PR_SET_VMA) }, /* a newer malloc(3) names its memory */
	{ "umask", ALL, ANY },
	{ "uname", ALL, ANY },
	{ "getegid", ALL, ANY },
	{ "getegid32", ALL, ANY },
	{ "geteuid", ALL, ANY },
	{ "geteuid32", ALL, ANY },
	{ "getgid", ALL, ANY },
	{ "getgid32", ALL, ANY },
	{ "getgroups", ALL, ANY },
	{ "getgroups32", ALL, ANY },
	{ "getpgrp", ALL, ANY },
	{ "getpid", ALL, ANY },
	{ "getppid", ALL, ANY },
	{ "getresgid", ALL, ANY },
	{ "getresgid32", ALL, ANY },
	{ "getresuid", ALL, ANY },
	{ "getresuid32", ALL, ANY },
	{ "getrusage", ALL, ANY },
	{ "gettid", ALL, ANY },
	{ "getuid", ALL, ANY },
	{ "getuid32", ALL, ANY },
	{ "tgkill", PARENT, ANY }, /* abort(3) */
	{ "tgkill", CALLER_ENGINE, ARG(0, UINT32_MAX, SANDBOX_OWN_PID) },
	/* No memory is both written and run; the loader of programs and of NSS modules maps code without writing it. */
	{ "mmap", ALL, ARG(2, WRITE_OR_EXEC, 0) },
	{ "mmap", ALL, ARG(2, WRITE_OR_EXEC, PROT_WRITE) },
	{ "mmap", ALL, ARG(2, WRITE_OR_EXEC, PROT_EXEC) },
	{ "mmap2", ALL, ARG(2, WRITE_OR_EXEC, 0) },
	{ "mmap2", ALL, ARG(2, WRITE_OR_EXEC, PROT_WRITE) },
	{ "mmap2", ALL, ARG(2, WRITE_OR_EXEC, PROT_EXEC) },
	{ "mprotect", ALL, ARG(2, PROT_EXEC, 0) },
#ifdef __aarch64__
	{ "mprotect", ALL, ARG(2, WRITE_OR_EXEC, PROT_EXEC) }, /* the loader marks code that has landing pads (BTI) */
#endif
	{ "pkey_mprotect", DEADLY, ANY },

	/* Descriptors, and files by path as far as the user may. */
	{ "close", ALL, ANY },
	{ "close_range", ALL, ANY },
	{ "dup", ALL, ANY },
	{ "dup2", ALL, ANY },
	{ "dup3", ALL, ANY },
	{ "fcntl", ALL, ANY },
	{ "fcntl64", ALL, ANY },
	{ "_llseek", ALL, ANY },
	{ "lseek", ALL, ANY },
	{ "pread64", ALL, ANY },
	{ "pwrite64", ALL, ANY },
	{ "read", ALL, ANY },
	{ "readv", ALL, ANY },
	{ "write", ALL, ANY },
	{ "writev", ALL, ANY },
	{ "access", ALL, ANY },
	{ "faccessat", ALL, ANY },
	{ "faccessat2", ALL, ANY },
	{ "fstat", ALL, ANY },
	{ "fstat64", ALL, ANY },
	{ "fstatat64", ALL, ANY },
	{ "fstatfs", ALL, ANY },
	{ "fstatfs64", ALL, ANY },
	{ "chdir", CHILD, ANY },
	{ "fchdir", CHILD, ANY },
	{ "getcwd", ALL, ANY },
	{ "getdents", ALL, ANY },
	{ "getdents64", ALL, ANY },
	{ "lstat", ALL, ANY },
	{ "lstat64", ALL, ANY },
	{ "newfstatat", ALL, ANY },
	{ "open", ALL, ANY },
	{ "openat", ALL, ANY },
	{ "openat2", ALL, ANY },
	{ "readlink", ALL, ANY },
	{ "readlinkat", ALL, ANY },
	{ "stat", ALL, ANY },
	{ "stat64", ALL, ANY },
	{ "statfs", ALL, ANY },
	{ "statfs64", ALL, ANY },
	{ "statx", ALL, ANY },
	{ "rename", ENGINE, ANY },
	{ "renameat", ENGINE, ANY },
	{ "renameat2", ENGINE, ANY },
	{ "unlink", ENGINE, ANY },
	{ "unlinkat", ENGINE, ANY },
	/* SQLite */
	{ "fallocate", ENGINE, ANY },
	{ "fchmod", ENGINE, ANY },
	{ "fchown", ENGINE, ANY },
	{ "fchown32", ENGINE, ANY },
	{ "fdatasync", ENGINE, ANY },
	{ "fsync", ENGINE, ANY },
	{ "ftruncate", ENGINE, ANY },
	{ "ftruncate64", ENGINE, ANY },
	{ "utimensat", ENGINE, ANY },
	{ "utimensat_time64", ENGINE, ANY },

	/* Loops. */
	{ "epoll_create", ENGINE, ANY },
	{ "epoll_create1", ENGINE, ANY },
	{ "epoll_ctl", ENGINE, ANY },
	{ "epoll_pwait", ENGINE, ANY },
	{ "epoll_pwait2", ENGINE, ANY },
	{ "epoll_wait", ENGINE, ANY },
	{ "eventfd2", ENGINE, ANY },
	{ "timerfd_create", ENGINE, ANY },
	{ "timerfd_settime", ENGINE, ANY },
	{ "timerfd_settime64", ENGINE, ANY },
	{ "pipe2", ENGINE, ANY },
	{ "poll", ALL, ANY },
	{ "ppoll", ALL, ANY },
	{ "ppoll_time64", ALL, ANY },
	{ "pselect6", ENGINE, ANY },
	{ "pselect6_time64", ENGINE, ANY },
	{ "select", ENGINE, ANY },
	{ "inotify_add_watch", ALL, ANY },
	{ "inotify_init1", ENGINE, ANY },
	{ "inotify_rm_watch", ALL, ANY },
	{ "pidfd_open", ALL, ANY },

	/* Sockets of this machine. */
	{ "socket", ENGINE, ARG(0, UINT32_MAX, AF_UNIX) },
	{ "socketpair", ENGINE, ARG(0, UINT32_MAX, AF_UNIX) },
	{ "accept4", ENGINE, ANY },
	{ "connect", ENGINE, ANY },
	{ "getpeername", ENGINE, ANY },
	{ "getsockname", ENGINE, ANY },
	{ "getsockopt", ENGINE, ANY },
	{ "recv", ENGINE, ANY },
	{ "recvfrom", ENGINE, ANY },
	{ "recvmsg", ALL, ANY },
	{ "send", ENGINE, ANY },
	{ "sendmmsg", ENGINE, ANY },
	{ "sendmsg", ALL, ANY },
	{ "sendto", ENGINE, ANY },
	{ "setsockopt", ENGINE, ANY },
	{ "shutdown", ENGINE, ANY },

	/* No terminal is written to as if somebody had typed (TIOCSTI), nor is a device driven. */
	{ "ioctl", ALL, IOCTL('T', 0x01) },	    /* TCGETS: isatty(3) */
	{ "ioctl", ALL, IOCTL(0xFF, 11) },	    /* PIDFD_GET_INFO, of any size */
	{ "ioctl", ALL, IOCTL(0xF5, 12) },	    /* F2FS_IOC_GET_FEATURES: SQLite asks each filesystem */
	{ "ioctl", CHILD, ARG(1, 0xFF00, 0xB700) }, /* of namespaces */

	/* The broker alone: children, and the engine's start. */
	{ "capget", PARENT, ANY },
	{ "capset", PARENT | DEADLY, ANY },
	{ "clone", PARENT, ARG(CLONE_FLAGS, NAMESPACES, 0) },
	{ "fork", PARENT, ANY },
	{ "vfork", PARENT, ANY },
	{ "execve", PARENT | DEADLY, ANY },
	{ "execveat", PARENT | DEADLY, ANY },
	{ "kill", PARENT, ANY },
	{ "seccomp", PARENT, ANY },
	{ "setgid", PARENT | DEADLY, ANY },
	{ "setgid32", PARENT | DEADLY, ANY },
	{ "setgroups", PARENT | DEADLY, ANY },
	{ "setgroups32", PARENT | DEADLY, ANY },
	{ "setpgid", PARENT, ANY },
	{ "setresgid", PARENT | DEADLY, ANY },
	{ "setresgid32", PARENT | DEADLY, ANY },
	{ "setresuid", PARENT | DEADLY, ANY },
	{ "setresuid32", PARENT | DEADLY, ANY },
	{ "setuid", PARENT | DEADLY, ANY },
	{ "setuid32", PARENT | DEADLY, ANY },
	{ "wait4", PARENT, ANY },
	{ "waitid", PARENT, ANY },
	{ "waitpid", PARENT, ANY },

	/* Its children: what the whole is for. */
	{ "umount2", CHILD | DEADLY, ANY },
	{ "mount_setattr", CHILD | DEADLY, ARG(2, UINT32_MAX, AT_EMPTY_PATH) }, /* one mount, never a tree */
	{ "setns", CHILD | DEADLY, ARG(1, UINT32_MAX, CLONE_NEWNS) },
	{ "fanotify_init", CHILD, ANY },
	{ "fanotify_mark", CHILD, ANY },
	{ "memfd_create", CHILD, ANY },
	{ "name_to_handle_at", CHILD, ANY },
	{ "open_by_handle_at", CHILD | DEADLY, ANY },

	/* Nobody. */
	{ "bpf", DEADLY, ANY },
	{ "chroot", DEADLY, ANY },
	{ "finit_module", DEADLY, ANY },
	{ "fsmount", DEADLY, ANY },
	{ "fsopen", DEADLY, ANY },
	{ "fspick", DEADLY, ANY },
	{ "init_module", DEADLY, ANY },
	{ "kexec_file_load", DEADLY, ANY },
	{ "kexec_load", DEADLY, ANY },
	{ "mknod", DEADLY, ANY },
	{ "mknodat", DEADLY, ANY },
	{ "mount", DEADLY, ANY },
	{ "move_mount", DEADLY, ANY },
	{ "open_tree", DEADLY, ANY },
	{ "pidfd_getfd", DEADLY, ANY },
	{ "pivot_root", DEADLY, ANY },
	{ "process_vm_readv", DEADLY, ANY },
	{ "process_vm_writev", DEADLY, ANY },
	{ "reboot", DEADLY, ANY },
	{ "swapon", DEADLY, ANY },
	{ "umount", DEADLY, ANY },
	{ "unshare", DEADLY, ANY },
/* What AddressSanitizer needs, and LeakSanitizer at the exit: that is a process of its own, which traces. */
#ifdef SANITIZED
	{ "clone", CALLER_ENGINE, ARG(CLONE_FLAGS, NAMESPACES, 0) },
	{ "prctl", CALLER_ENGINE, ANY },
	{ "ptrace", ENGINE, ANY },
	{ "wait4", CALLER_ENGINE, ANY },
#else
	{ "ptrace", DEADLY, ANY },
#endif
};
const size_t sandbox_call_count = ARRAY_SIZE(sandbox_calls);

#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#ifndef SYS_listmount
#define SYS_listmount 458
#endif

const struct sandbox_number sandbox_numbers[] = {
	{ SYS_statmount, ALL },
	{ SYS_listmount, ALL },
};
const size_t sandbox_number_count = ARRAY_SIZE(sandbox_numbers);
