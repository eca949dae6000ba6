/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/varlink_service.h"

#include <string.h>

static const char description[] = "# What every varlink service can be asked.\n"
				  "interface org.varlink.service\n"
				  "\n"
				  "# Who this is, and which interfaces it has.\n"
				  "method GetInfo() -> (\n"
				  "  vendor: string,\n"
				  "  product: string,\n"
				  "  version: string,\n"
				  "  url: string,\n"
				  "  interfaces: []string\n"
				  ")\n"
				  "\n"
				  "# The text of one of its interfaces.\n"
				  "method GetInterfaceDescription(interface: string) -> (description: string)\n"
				  "\n"
				  "# There is no interface of this name.\n"
				  "error InterfaceNotFound(interface: string)\n"
				  "\n"
				  "# The interface has no method of this name.\n"
				  "error MethodNotFound(method: string)\n"
				  "\n"
				  "# The method is described, and not offered.\n"
				  "error MethodNotImplemented(method: string)\n"
				  "\n"
				  "# This parameter is missing, unknown or of another type.\n"
				  "error InvalidParameter(parameter: string)\n"
				  "\n"
				  "# The caller may not do this.\n"
				  "error PermissionDenied()\n"
				  "\n"
				  "# The method answers more than once: call it with `more`.\n"
				  "error ExpectedMore()\n";

static void get_info(void *context, struct control_call *call, const json_t *parameters)
{
	json_t *interfaces = json_array();

	(void)context;
	(void)parameters;
	for (const struct control_interface *const *i = control_call_interfaces(call); *i; i++)
		json_array_append_new(interfaces, json_string((*i)->name));
	control_reply(call, json_pack("{s:s, s:s, s:s, s:s, s:o}", "vendor", "reaperd", "product", "reaperd", "version",
				      control_call_version(call), "url", "", "interfaces", interfaces));
}

static void get_interface_description(void *context, struct control_call *call, const json_t *parameters)
{
	const char *name = json_string_value(json_object_get(parameters, "interface"));

	(void)context;
	for (const struct control_interface *const *i = control_call_interfaces(call); *i; i++) {
		if (strcmp((*i)->name, name) == 0) {
			control_reply(call, json_pack("{s:s}", "description", (*i)->description));
			return;
		}
	}
	control_error_about(call, "org.varlink.service.InterfaceNotFound", "interface", name);
}

static const struct control_parameter description_parameters[] = {
	{ "interface", CONTROL_STRING, true },
	{ 0 },
};

static const struct control_method methods[] = {
	{ "GetInfo", get_info, CONTROL_DESCRIBE, false, NULL },
	{ "GetInterfaceDescription", get_interface_description, CONTROL_DESCRIBE, false, description_parameters },
	{ 0 },
};

const struct control_interface varlink_service_interface = { "org.varlink.service", description, methods };
