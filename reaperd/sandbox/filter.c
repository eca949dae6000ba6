/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sandbox/filter.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A call, or an alternative of one, that the filter has already: by another name of it, or by its number. */
static int unless_known(int r)
{
	return r == -EEXIST ? 0 : r;
}

static int allow(scmp_filter_ctx filter, int number, const struct sandbox_call *call)
{
	const uint32_t value = call->value == SANDBOX_OWN_PID ? (uint32_t)getpid() : call->value;

	if (!call->mask)
		return unless_known(seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0));
	/* Masked always: of an int only the lower half of the register is its value. */
	return unless_known(seccomp_rule_add(
		filter, SCMP_ACT_ALLOW, number, 1,
		SCMP_CMP64(call->argument, SCMP_CMP_MASKED_EQ, (uint64_t)call->mask, (uint64_t)value)));
}

static int refuse(scmp_filter_ctx filter, int number, uint32_t action)
{
	return unless_known(seccomp_rule_add(filter, action, number, 0));
}

static uint32_t refusal(bool strict)
{
	return strict ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(ENOSYS);
}

static int add_call(scmp_filter_ctx filter, enum caller whose, bool strict, const struct sandbox_call *call)
{
	int number = seccomp_syscall_resolve_name(call->name);

	/* Of an architecture that this libseccomp knows nothing of. */
	if (number == __NR_SCMP_ERROR)
		return 0;
	if (call->who & (unsigned)whose)
		return whose == CALLER_CHILD ? 0 : allow(filter, number, call);
	if (whose == CALLER_CHILD && !(call->who & CALLER_BROKER))
		return 0;
	if (whose == CALLER_CHILD)
		return refuse(filter, number, call->who & CALLER_DEADLY ? SCMP_ACT_KILL_PROCESS : refusal(strict));
	/* What is the default already is refused as a rule. */
	return call->who & CALLER_DEADLY && !strict ? refuse(filter, number, SCMP_ACT_KILL_PROCESS) : 0;
}

static int add_calls(scmp_filter_ctx filter, enum caller whose, bool strict)
{
	int r = 0;

	for (size_t i = 0; i < sandbox_call_count && r == 0; i++)
		r = add_call(filter, whose, strict, &sandbox_calls[i]);
	return r;
}

/* Numbers without a name are our own architecture's. */
static int add_numbers(scmp_filter_ctx filter, enum caller whose)
{
	int r = 0;

	for (size_t i = 0; i < sandbox_number_count && r == 0; i++)
		if (sandbox_numbers[i].who & (unsigned)whose)
			r = unless_known(seccomp_rule_add(filter, SCMP_ACT_ALLOW, sandbox_numbers[i].number, 0));
	return r;
}

static int choose_architecture(scmp_filter_ctx filter, uint32_t architecture)
{
	int r;

	if (!architecture || architecture == seccomp_arch_native())
		return 0;
	/* In this order, for one filter has one byte order. */
	r = seccomp_arch_remove(filter, SCMP_ARCH_NATIVE);
	return r < 0 ? r : seccomp_arch_add(filter, architecture);
}

static int fill(scmp_filter_ctx filter, enum caller whose, bool strict, uint32_t architecture)
{
	int r = choose_architecture(filter, architecture);

	/* Whoever calls by another architecture's numbers looks for a way past the filter. */
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* Looked up as in a tree, not one after the other. */
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add_calls(filter, whose, strict);
	if (r == 0 && whose != CALLER_CHILD && (!architecture || architecture == seccomp_arch_native()))
		r = add_numbers(filter, whose);
	return r;
}

scmp_filter_ctx filter_build(enum caller whose, bool strict, uint32_t architecture, int *ret_error)
{
	scmp_filter_ctx filter = seccomp_init(whose == CALLER_CHILD ? SCMP_ACT_ALLOW : refusal(strict));

	*ret_error = filter ? fill(filter, whose, strict, architecture) : -ENOMEM;
	if (*ret_error == 0)
		return filter;
	if (filter)
		seccomp_release(filter);
	return NULL;
}
