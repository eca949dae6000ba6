/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

/* The inode of the user namespace that the kernel makes first, fixed by its ABI. */
#define INITIAL_USER_NAMESPACE 0xEFFFFFFDu

static bool is_initial_user_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) < 0 || st.st_ino == INITIAL_USER_NAMESPACE;
}

/* Whoever keeps uid 0 would get capabilities back by the next exec, out of the bounding set. */
static int drop_all(void)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_BOUNDS) < 0 && geteuid() == 0)
		log_warning("the capability bounding set cannot be emptied: %s", strerror(errno));
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

int asroot_become_engine(const struct engine_user *user)
{
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (!user->change)
		return drop_all();
	capng_clear(CAPNG_SELECT_ALL);
	r = capng_change_id((int)user->uid, (int)user->gid, CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
	if (r == 0)
		return 0;
	/*
	 * A user namespace that does not map the user cannot change to it; anywhere else that is a reason not to run.
	 */
	if (is_initial_user_namespace()) {
		log_error("the engine cannot become user %s (libcap-ng: %d)", user->name, r);
		return -EPERM;
	}
	log_warning("user %s is not known to this user namespace: the engine keeps our uid, without any capability",
		    user->name);
	return drop_all();
}

/*
 * SYS_ADMIN to unmount and to ask about mounts; SYS_CHROOT with it for another namespace; DAC_READ_SEARCH to open by
 * handle and below closed directories; SYS_PTRACE to read who holds a mount; DAC_OVERRIDE to abort another user's FUSE;
 * the others to start an engine and to end it.
 */
static const unsigned needed[] = {
	CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_DAC_OVERRIDE,
	CAP_SETUID,    CAP_SETGID,     CAP_SETPCAP,	    CAP_KILL,
};

void asroot_keep_needed(void)
{
	bool have[ARRAY_SIZE(needed)];

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_warning("no_new_privs cannot be set: %s", strerror(errno));
	if (capng_get_caps_process() < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		have[i] = capng_have_capability(CAPNG_PERMITTED, needed[i]);
		if (!have[i])
			log_debug("we lack %s", capng_capability_to_name(needed[i]));
	}
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (have[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, needed[i]);
	if (capng_apply(CAPNG_SELECT_BOUNDS) < 0)
		log_debug("the capability bounding set stays as it is");
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		log_warning("capabilities cannot be given up");
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

int asroot_enter_sandbox(struct sandbox **ret_children)
{
	int r = sandbox_compile(CALLER_CHILD, ret_children);

	if (r < 0) {
		log_error("no filter of system calls for our children (seccomp): %s", strerror(-r));
		return r;
	}
	if (!*ret_children)
		log_warning("REAPERD_SANDBOX=off: system calls are not restricted");
	return sandbox_start(CALLER_BROKER);
}
