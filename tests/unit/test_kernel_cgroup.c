/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which container or service a control group speaks of, and that of a process. */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/cgroup.h"
#include "run_suite.h"

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define POD "pod7b2f2e2c-6d1f-4a6e-9d2b-1f0c3f0a7a55"

static const struct {
	const char *path, *container; /* "": none */
} cgroups[] = {
	{ "/docker/" ID, ID },
	{ "/system.slice/docker-" ID ".scope", ID },
	{ "memory:/docker/" ID, ID },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-" POD ".slice/cri-containerd-" ID ".scope", ID },
	{ "/kubepods/besteffort/" POD "/" ID, ID },
	{ "/system.slice/containerd.service/kubepods-burstable-" POD ".slice:cri-containerd:" ID, ID },
	{ "/kubepods.slice/kubepods-" POD ".slice/crio-" ID ".scope", ID },
	{ "/machine.slice/libpod-" ID ".scope/container", ID },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope", ID },
	/* A worker's container that runs containers itself. */
	{ "/docker/f" ID "/docker/" ID, ID },
	{ "/docker/ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff/actions/" ID, ID },
	{ "/system.slice/bb-worker.service", "bb-worker.service" },
	{ "/system.slice/system-bb.slice/bb-runner@3.service/action", "bb-runner@3.service" },
	{ "/user.slice/user-0.slice/session-1.scope", "session-1.scope" },
	{ "name=systemd:/system.slice/ssh.service", "ssh.service" },
	{ "/", "" },
	{ "", "" },
	{ "/build/.service", "" },
	{ "/build/x" ID, "" }, /* 65 digits and letters are no id */
	{ "/build/0123456789abcdef", "" },
	{ "/build/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF", "" },
	{ "//" ID "//", ID },
};

START_TEST(the_innermost_container_is_recognised)
{
	CLEANUP_FREE char *container = kernel_cgroup_container(cgroups[_i].path);

	ck_assert_str_eq(container ? container : "", cgroups[_i].container);
}
END_TEST

/* What the kernel says of us holds our path, in some form. */
START_TEST(our_own_group_is_one_of_those_that_the_kernel_names)
{
	CLEANUP_FREE char *cgroup = kernel_process_cgroup(getpid()), *line = NULL;
	CLEANUP_FCLOSE FILE *file = fopen("/proc/self/cgroup", "re");
	const char *path;
	bool found = false;
	size_t size = 0;

	ck_assert_ptr_nonnull(cgroup);
	ck_assert_ptr_nonnull(file);
	path = strchr(cgroup, '/');
	ck_assert_ptr_nonnull(path);
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		found |= strcmp(strrchr(line, ':') + 1, path) == 0;
	}
	ck_assert(found);
}
END_TEST

START_TEST(of_no_process_nothing_is_said)
{
	ck_assert_ptr_null(kernel_process_cgroup(INT32_MAX));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel: cgroup");
	TCase *tests = tcase_create("cgroup");

	tcase_add_loop_test(tests, the_innermost_container_is_recognised, 0, ARRAY_SIZE(cgroups));
	tcase_add_test(tests, our_own_group_is_one_of_those_that_the_kernel_names);
	tcase_add_test(tests, of_no_process_nothing_is_said);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
