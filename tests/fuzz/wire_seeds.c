/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes the seeds of fuzz_wire, one of each message that broker and engine exchange and a few that are spoilt, and
 * those of fuzz_request: wire_seeds tests/fixtures. To be run again when a message changes; `make check` fails until
 * then.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/words.h"
#include "wire/messages.h"

static const char *top, *directory;
static uint8_t frame[WIRE_FRAME_MAX];

static void save(const char *name, const void *bytes, ssize_t length)
{
	CLEANUP_FREE char *folder = path_join(top, directory);
	CLEANUP_FREE char *path = path_join(folder, name);
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

static char proc[] = "f3fb7c74c3b342a0/root/proc", odd[] = "a b/\xff\n\\/-", action[] = "f3fb7c74c3b342a0", none[] = "",
	    one[] = "a", by_link[] = "link";
static const struct mount_reference by_id = { .id = 2149582427 }, by_number = { .id32 = 30, .dev = 0x28 };

static const struct namespace_reference container = { .inode = 4026532281, .id = 4294967297, .pid = 4711 };

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
	message = (struct message_request){ .type = MESSAGE_HOLDERS, .ns = container, .count = 1, .holders = items };
	save("holders", frame, message_encode_request(&message, frame));
}

static void save_requests_about_namespaces(void)
{
	uint64_t ids[] = { 2149582427, UINT64_MAX };
	uint32_t events = EVENTS_GROUP, question = NAMESPACES_HOLDING;
	struct message_request message = { .type = MESSAGE_NAMESPACES, .serial = 7, .job = 1 };
	uint8_t *found;
	ssize_t length = message_encode_request(&message, frame);

	save("namespaces", frame, length);
	memset(frame + 8, 1, 1);
	save("bad-namespaces-of-a-root", frame, length);
	message.count = 1;
	message.questions = &question;
	save("namespaces-that-hold-a-root", frame, message_encode_request(&message, frame));
	message = (struct message_request){ .type = MESSAGE_TABLE, .ns = container };
	length = message_encode_request(&message, frame);
	save("table", frame, length);
	found = memmem(frame, (size_t)length, &container.inode, sizeof(container.inode));
	memset(found, 0, sizeof(container.inode));
	save("bad-table-of-our-own-with-an-id", frame, length);
	message = (struct message_request){ .type = MESSAGE_TABLE, .count = ARRAY_SIZE(ids), .ids = ids };
	save("table-of-some", frame, message_encode_request(&message, frame));
	message = (struct message_request){ .type = MESSAGE_EVENTS, .ns = container, .count = 1, .events = &events };
	length = message_encode_request(&message, frame);
	save("events", frame, length);
	frame[length - 4] = 3;
	save("bad-events-of-no-kind", frame, length);
}

static void save_records(const char *name, struct wire_records *records)
{
	save(name, records->bytes, (ssize_t)records->used);
	records_clear(records);
}

static void save_tables(void)
{
	const struct message_namespace spaces[] = {
		{ .reference = container,
		  .comm = odd,
		  .owner = 4026531837,
		  .mounts = 31,
		  .selected = true,
		  .holds = true,
		  .path_count = 2 },
		{ .reference = { .inode = 4026532290 }, .comm = none, .owned_by_others = true },
	};
	static const struct message_path paths[] = { { 0, "/build" }, { 7, "/b\xff\n" } };
	static const struct message_mount mounts[] = {
		{ .id = 2149582427,
		  .parent = 2149582400,
		  .id32 = 30,
		  .parent32 = 20,
		  .dev = 0x28,
		  .peer_group = 3,
		  .master = 2,
		  .root = "/f3fb7c74c3b342a0//deleted",
		  .target = odd,
		  .fstype = "fuse.SimpleRawFileSystem",
		  .source = "bb_worker",
		  .options = "rw,nosuid",
		  .super_options = "rw" },
		{ .id = 1,
		  .root = none,
		  .target = none,
		  .fstype = none,
		  .source = none,
		  .options = none,
		  .super_options = none },
	};
	struct wire_records records = { 0 };

	records_add_namespace(&records, &spaces[0]);
	save("bad-records-without-their-paths", records.bytes, (ssize_t)records.used);
	records_add_path(&records, &paths[0]);
	records_add_path(&records, &paths[1]);
	records_add_namespace(&records, &spaces[1]);
	save_records("records-of-namespaces", &records);
	records_add_mount(&records, &mounts[0]);
	records_add_mount(&records, &mounts[1]);
	save("bad-records-cut", records.bytes, (ssize_t)records.used - 1);
	records.bytes[records.used - 2] = 1;
	save("bad-records-with-a-string-past-the-end", records.bytes, (ssize_t)records.used);
	records.used = 0;
	records_add_mount(&records, &mounts[0]);
	records_add_mount(&records, &mounts[1]);
	save_records("records-of-mounts", &records);
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
	struct namespaces_result namespaces = { .count = 300, .lacking = 1 };
	struct table_result table = { .kind = TABLE_RECORDS, .count = 1000 };
	struct events_result events = { .kind = EVENTS_MOUNTINFO, .pid = 4711 };
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
	message = (struct message_result){
		.request = MESSAGE_NAMESPACES, .fd_count = 1, .count = 1, .namespaces = &namespaces
	};
	save("result-of-namespaces", frame, message_encode_result(&message, frame));
	message = (struct message_result){ .request = MESSAGE_TABLE, .fd_count = 1, .count = 1, .tables = &table };
	save("result-of-table", frame, message_encode_result(&message, frame));
	message = (struct message_result){ .request = MESSAGE_EVENTS, .fd_count = 2, .count = 1, .events = &events };
	save("result-of-events", frame, message_encode_result(&message, frame));
	message = (struct message_result){ .request = MESSAGE_STEP, .error = 116 };
	save("result-of-nothing", frame, message_encode_result(&message, frame));
}

/* In a namespace that is none, in init's, and in our own by its other name. */
static void save_requests_in_namespaces(void)
{
	static const struct namespace_reference none_such = { .inode = 99, .id = 98, .pid = 97 },
						initial = { .inode = 4026531832, .pid = 1 }, own = { .inode = 1 };
	struct step_item item = {
		.path = strdup("a/proc"), .action_length = 1, .step = STEP_DETACH, .mount = { .id = 2 }
	};
	uint32_t events = EVENTS_MOUNTINFO;
	uint64_t ids[] = { 2, 7 };
	struct message_request message = { .type = MESSAGE_STEP, .serial = 7, .count = 1, .steps = &item };

	message.ns = none_such;
	save("detach-in-a-namespace-that-is-none", frame, message_encode_request(&message, frame));
	message.ns = initial;
	save("detach-in-a-namespace-that-is-not-selected", frame, message_encode_request(&message, frame));
	message.ns = own;
	save("detach-in-our-own-by-its-inode", frame, message_encode_request(&message, frame));
	message = (struct message_request){ .type = MESSAGE_TABLE, .serial = 7, .ns = initial };
	save("table-of-a-namespace-that-is-not-selected", frame, message_encode_request(&message, frame));
	message = (struct message_request){ .type = MESSAGE_TABLE, .serial = 7, .count = ARRAY_SIZE(ids), .ids = ids };
	save("table", frame, message_encode_request(&message, frame));
	message = (struct message_request){
		.type = MESSAGE_EVENTS, .serial = 7, .ns = own, .count = 1, .events = &events
	};
	save("events", frame, message_encode_request(&message, frame));
	free(item.path);
}

/* One step of fuzz_request's world. */
static void save_step_on(const char *name, const char *path, uint32_t action_length, enum step step, uint64_t id)
{
	struct step_item item = {
		.path = strdup(path), .action_length = action_length, .step = (uint8_t)step, .mount = { .id = id }
	};
	struct message_request message = { .type = MESSAGE_STEP, .serial = 7, .job = 1, .count = 1, .steps = &item };

	save(name, frame, message_encode_request(&message, frame));
	free(item.path);
}

static void save_steps_on_a_world(void)
{
	static const struct mount_reference root = { .id = 1 }, dev = { .id32 = 3 };
	struct step_item items[] = { { .path = proc + 17, .action_length = 4, .step = STEP_DETACH, .mount = root },
				     { .path = none } };
	struct message_request message = { .type = MESSAGE_STEP, .serial = 6, .count = 1, .steps = items };
	struct probe_item probes[] = { { .path = one, .carrier = root, .want_hollow = true },
				       { .path = none, .carrier = root },
				       { .path = by_link, .carrier = root } };
	struct watch_item watches[] = { { none, root }, { one, root }, { one, dev }, { by_link, root } };

	save_step_on("umount", "a/proc", 1, STEP_UMOUNT, 2);
	save_step_on("umount-busy", "a/dev", 1, STEP_UMOUNT, 3);
	save_step_on("detach-tree", "a/dev", 1, STEP_DETACH, 3);
	save_step_on("detach-action", "b", 1, STEP_DETACH, 5);
	save_step_on("detach-protected", "b/keep", 1, STEP_DETACH, 6);
	save_step_on("detach-by-another-id", "a/proc", 1, STEP_DETACH, 3);
	save_step_on("detach-outside-by-a-link", "link", 4, STEP_DETACH, 7);
	save_step_on("detach-by-a-way-up", "a/up/outside", 4, STEP_DETACH, 7);
	save_step_on("umount-by-an-id-that-none-can-have", "a/proc", 1, STEP_UMOUNT, 0x290002);
	save_step_on("force", "a/proc", 1, STEP_FORCE, 2);
	save_step_on("abort", "a/proc", 1, STEP_ABORT, 2);
	save("stale-serial", frame, message_encode_request(&message, frame));
	message.serial = 7;
	message.root = 9;
	save("bad-root-that-is-none", frame, message_encode_request(&message, frame));
	message = (struct message_request){ .type = MESSAGE_STEP, .serial = 7, .count = 1, .steps = items + 1 };
	save("bad-step-on-the-root", frame, message_encode_request(&message, frame));
	message = (struct message_request){ .type = MESSAGE_PROBE, .serial = 7, .count = 3, .probes = probes };
	save("probe", frame, message_encode_request(&message, frame));
	message = (struct message_request){ .type = MESSAGE_WATCH, .serial = 7, .count = 4, .watches = watches };
	save("watch", frame, message_encode_request(&message, frame));
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: wire_seeds tests/fixtures");
	top = argv[1];
	directory = "wire";
	save_plain();
	save_configuration();
	save_probes();
	save_watches();
	save_steps();
	save_requests_about_namespaces();
	save_tables();
	save_results();
	directory = "request";
	save_steps_on_a_world();
	save_requests_in_namespaces();
	return EXIT_SUCCESS;
}
