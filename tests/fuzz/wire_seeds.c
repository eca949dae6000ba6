/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes the seeds of fuzz_wire, one of each message that broker and engine exchange and a few that are spoilt:
 * wire_seeds DIRECTORY. To be run again, into tests/fixtures/wire, when a message changes; `make check` fails until
 * then.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/words.h"
#include "wire/messages.h"

static const char *directory;
static uint8_t frame[WIRE_FRAME_MAX];

static void save(const char *name, const void *bytes, ssize_t length)
{
	CLEANUP_FREE char *path = path_join(directory, name);
	CLEANUP_FCLOSE FILE *file = path ? fopen(path, "we") : NULL;

	if (length < 0 || !file || fwrite(bytes, 1, (size_t)length, file) != (size_t)length)
		err(EXIT_FAILURE, "%s", name);
}

static void save_plain(void)
{
	save("ready", frame, message_encode_plain(MESSAGE_READY, frame));
	save("stop", frame, message_encode_plain(MESSAGE_STOP, frame));
	save("reload", frame, message_encode_plain(MESSAGE_RELOAD, frame));
	memset(frame + 4, 0, 4);
	save("bad-plain-with-more", frame, 8);
	memset(frame, 0xff, 4);
	save("bad-type", frame, 4);
	save("bad-empty", frame, 0);
	save("bad-half-a-type", frame, 3);
}

static void save_configuration(void)
{
	static struct message_configuration message = { .serial = 7,
							.flags = CONFIGURATION_ONCE | CONFIGURATION_OBSERVE,
							.source = SOURCE_MOUNTINFO,
							.state_dir = "/var/lib/reaperd" };

	save("configuration", frame, message_encode_configuration(&message, MESSAGE_CONFIGURATION, frame));
	strcpy(message.text, "/etc/reaperd.conf:3: unknown key");
	memset(message.state_dir, 'd', PATH_MAX - 1);
	save("reload-failed", frame, message_encode_configuration(&message, MESSAGE_RELOAD_FAILED, frame));
}

static char proc[] = "f3fb7c74c3b342a0/root/proc", odd[] = "a b/\xff\n\\/-", action[] = "f3fb7c74c3b342a0", none[] = "";
static const struct mount_reference by_id = { .id = 2149582427 }, by_number = { .id32 = 30, .dev = 0x28 };

static void save_probes(void)
{
	static char deep[PATH_MAX];
	struct probe_mount mounts[] = { { none, by_id }, { proc, by_number } };
	struct probe_item items[] = { { .path = action,
					.carrier = by_id,
					.known = true,
					.dev = 0x28,
					.ino = 2,
					.birth = INT64_C(1795644000000000000),
					.handle_type = 1,
					.handle_length = HANDLE_MAX,
					.want_hollow = true,
					.mount_count = ARRAY_SIZE(mounts),
					.mounts = mounts },
				      { .path = none, .carrier = by_number },
				      { .path = odd, .handle_type = -1 },
				      { .path = deep } };
	struct message_request message = {
		.type = MESSAGE_PROBE, .serial = 7, .root = 1, .job = 42, .count = ARRAY_SIZE(items), .probes = items
	};
	ssize_t length;

	for (size_t i = 0; i + 1 < sizeof(deep); i++)
		deep[i] = i % 2 ? '/' : 'd';
	length = message_encode_request(&message, frame);
	save("probe", frame, length);
	save("bad-probe-cut", frame, length - 1);
	frame[length] = 0;
	save("bad-probe-with-more", frame, length + 1);
}

static void save_watches(void)
{
	struct watch_item items[REQUEST_ITEMS_MAX];
	struct message_request message = { .type = MESSAGE_WATCH, .count = REQUEST_ITEMS_MAX, .watches = items };

	for (size_t i = 0; i < REQUEST_ITEMS_MAX; i++)
		items[i] = (struct watch_item){ .path = i % 2 ? none : action, .carrier = i % 2 ? by_id : by_number };
	save("watch-as-many-as-may-be", frame, message_encode_request(&message, frame));
}

static void save_steps(void)
{
	struct step_item items[] = {
		{ .path = proc, .action_length = 16, .step = STEP_UMOUNT, .mount = by_id },
		{ .path = proc, .action_length = 21, .step = STEP_ABORT, .mount = by_number },
		{ .path = action, .action_length = 16, .step = STEP_FORCE, .mount = by_id },
		{ .path = odd, .action_length = 3, .step = STEP_DETACH, .mount = by_id },
	};
	struct message_request message = {
		.type = MESSAGE_STEP, .serial = 7, .job = UINT64_MAX, .count = ARRAY_SIZE(items), .steps = items
	};
	uint8_t *found;
	ssize_t length = message_encode_request(&message, frame);

	save("step", frame, length);
	found = memmem(frame, (size_t)length, "/root/proc", 10);
	memcpy(found, "/../../etc", 10);
	save("bad-step-that-climbs", frame, length);
	memcpy(found, "//oot/proc", 10);
	save("bad-step-with-two-slashes", frame, length);
	memcpy(found, "/ro\0t/proc", 10);
	save("bad-step-with-a-nul", frame, length);
	message = (struct message_request){ .type = MESSAGE_HOLDERS, .count = 1, .holders = items };
	save("holders", frame, message_encode_request(&message, frame));
}

static void save_results(void)
{
	struct probe_result probes[] = { { .state = PROBE_REPLACED,
					   .identity_known = true,
					   .handle_length = 8,
					   .handle = { 1, 2, 3, 4, 5, 6, 7, 8 },
					   .reachable = 5 },
					 { .state = PROBE_HUNG, .error = 110 } };
	struct watch_result watches[] = { { .descriptor = 3 }, { .error = 2, .descriptor = -1 } };
	struct step_result steps[] = { { .outcome = OUTCOME_GONE, .made_private = true, .duration = 16000 },
				       { .outcome = OUTCOME_REFUSED, .stranger = 99, .detail = "it would travel" } };
	struct holder_result holders[] = { { .pid = 1, .comm = "fifteen-bytes-x", .how = "namespace", .number = 3 } };
	struct message_result message = { .request = MESSAGE_PROBE, .job = 42, .count = 2, .probes = probes };

	save("result-of-probe", frame, message_encode_result(&message, frame));
	message = (struct message_result){ .request = MESSAGE_WATCH, .count = 2, .watches = watches };
	save("result-of-watch", frame, message_encode_result(&message, frame));
	message = (struct message_result){
		.request = MESSAGE_STEP, .in_flight = 1, .hung = 1, .count = 2, .steps = steps
	};
	save("result-of-step", frame, message_encode_result(&message, frame));
	message = (struct message_result){ .request = MESSAGE_HOLDERS, .count = 1, .holders = holders };
	save("result-of-holders", frame, message_encode_result(&message, frame));
	message = (struct message_result){ .request = MESSAGE_STEP, .error = 116 };
	save("result-of-nothing", frame, message_encode_result(&message, frame));
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: wire_seeds DIRECTORY");
	directory = argv[1];
	save_plain();
	save_configuration();
	save_probes();
	save_watches();
	save_steps();
	save_results();
	return EXIT_SUCCESS;
}
