#include "common/config_rules.h"

#include <string.h>

#include "common/endpoint.h"

/* A rule is reported where the value stands that the operator most likely wrote last: the
 * one of the stronger source. */
static const struct config_source *stronger(
	const struct config_load *load, enum config_key_id a, enum config_key_id b)
{
	return load->sources[b].rank > load->sources[a].rank ? &load->sources[b]
							     : &load->sources[a];
}

static bool is_loopback(const struct config_address *address)
{
	static const uint8_t loopback6[16] = { [15] = 1 };

	return address->family == 4 ? address->ip[0] == 127
				    : memcmp(address->ip, loopback6, sizeof loopback6) == 0;
}

/* Whoever reads the network reads tokens, and whoever reaches the admin plane may try them. */
static void check_api(struct config_load *load)
{
	const struct config *config = &load->config;

	if (!is_loopback(&config->api_bind_addr) &&
		(!config->tls_enabled || config->tls_listeners == CONFIG_TLS_ADMIN)) {
		config_load_problem(load, &load->sources[CONFIG_KEY_api_bind_addr],
			"api.bind_addr: expected a loopback address (127.0.0.0/8 or [::1]), or "
			"tls.enabled with tls.listeners all or api: tokens would cross the network "
			"in the clear");
	}
}

static void check_admin(struct config_load *load)
{
	const struct config *config = &load->config;

	if (is_loopback(&config->admin_bind_addr)) {
		return;
	}
	if (!config->tls_enabled || config->tls_listeners == CONFIG_TLS_API) {
		config_load_problem(load, &load->sources[CONFIG_KEY_admin_bind_addr],
			"admin.bind_addr: expected a loopback address (127.0.0.0/8 or [::1]), or "
			"tls.enabled with tls.listeners all or admin");
	} else if (config->tls_client_ca_path[0] == '\0') {
		config_load_problem(load, &load->sources[CONFIG_KEY_admin_bind_addr],
			"admin.bind_addr: expected a loopback address, or tls.client_ca_path: off "
			"loopback the admin plane is for clients with a certificate alone");
	}
}

static void demand_path(struct config_load *load, enum config_key_id because, enum config_key_id id,
	const char *path)
{
	if (path[0] == '\0') {
		config_load_problem(load, &load->sources[because], "%s: expected %s, too",
			config_key_name(because), config_key_name(id));
	}
}

static void check_tls(struct config_load *load)
{
	const struct config *config = &load->config;

	if (config->tls_enabled) {
		demand_path(load, CONFIG_KEY_tls_enabled, CONFIG_KEY_tls_cert_path,
			config->tls_cert_path);
		demand_path(load, CONFIG_KEY_tls_enabled, CONFIG_KEY_tls_key_path,
			config->tls_key_path);
	}
	if (config->tls_mtls_required) {
		demand_path(load, CONFIG_KEY_tls_mtls_required, CONFIG_KEY_tls_client_ca_path,
			config->tls_client_ca_path);
	}
	if (config->pq_mode != CONFIG_PQ_OFF && !config->tls_enabled) {
		config_load_problem(load, &load->sources[CONFIG_KEY_pq_mode],
			"pq.mode: expected off, or tls.enabled: without TLS no keys are exchanged");
	}
}

static void check_listeners(struct config_load *load)
{
	const struct config_address *admin = &load->config.admin_bind_addr;
	const struct config_address *api = &load->config.api_bind_addr;

	check_api(load);
	check_admin(load);
	check_tls(load);
	if (admin->port != 0 && memcmp(admin, api, sizeof *admin) == 0) {
		config_load_problem(load,
			stronger(load, CONFIG_KEY_admin_bind_addr, CONFIG_KEY_api_bind_addr),
			"admin.bind_addr and api.bind_addr: two listeners cannot have one address");
	}
}

static void check_order(struct config_load *load, enum config_key_id small_id, u128 small,
	enum config_key_id large_id, u128 large)
{
	if (small > large) {
		config_load_problem(load, stronger(load, small_id, large_id),
			"%s must not be above %s", config_key_name(small_id),
			config_key_name(large_id));
	}
}

/* The name stands in checkpoints (C2SP signed-note): no blank, no plus. */
static void check_name(struct config_load *load)
{
	const char *name = load->config.node_name;

	for (size_t i = 0; name[i] != '\0'; i++) {
		if (name[i] <= ' ' || name[i] >= 0x7F || name[i] == '+') {
			config_load_problem(load, &load->sources[CONFIG_KEY_node_name],
				"node.name: expected printable ASCII without blanks and +");
			return;
		}
	}
}

static void check_uid_base(struct config_load *load)
{
	uint64_t base = load->config.node_uid_base;

	if (base != 0 && base < 1000) {
		config_load_problem(load, &load->sources[CONFIG_KEY_node_uid_base],
			"node.uid_base: expected 0, or a number from 1000: smaller ones belong to "
			"the system's users");
	}
}

/* Two keys that name one directory would mix what lasts with what does not. */
static void check_paths(struct config_load *load)
{
	if (strcmp(load->config.node_data_dir, load->config.node_run_dir) == 0) {
		config_load_problem(load,
			stronger(load, CONFIG_KEY_node_data_dir, CONFIG_KEY_node_run_dir),
			"node.data_dir and node.run_dir: expected two directories");
	}
}

static bool is_said(const struct config_load *load, enum config_key_id id)
{
	return load->sources[id].rank != CONFIG_FROM_DEFAULT;
}

/* Two keys for one thing (spec/ledger.md, LC-35): either alone is enough, and both are set then,
 * so that nobody else has to look at two. True: amnesia is wanted. */
static bool settle_amnesia(struct config_load *load)
{
	const enum config_key_id mode_id = CONFIG_KEY_engine_mode;
	const enum config_key_id enabled_id = CONFIG_KEY_amnesia_enabled;
	struct config *config = &load->config;
	bool by_mode = config->engine_mode == CONFIG_ENGINE_AMNESIA;

	if (by_mode == config->amnesia_enabled) {
		return by_mode;
	}
	if (is_said(load, mode_id) && is_said(load, enabled_id)) {
		config_load_problem(load, stronger(load, mode_id, enabled_id),
			"amnesia.enabled is %s, but engine.mode is %s: expected that they agree, "
			"or one of them alone",
			config->amnesia_enabled ? "true" : "false",
			by_mode ? "amnesia" : "persistent");
		return true;
	}
	if (by_mode) {
		config->amnesia_enabled = true;
		load->sources[enabled_id] = load->sources[mode_id];
	} else {
		config->engine_mode = CONFIG_ENGINE_AMNESIA;
		load->sources[mode_id] = load->sources[enabled_id];
	}
	return true;
}

static void check_amnesia(struct config_load *load)
{
	const struct config *config = &load->config;

	if (!settle_amnesia(load)) {
		return;
	}
	if (config->log_file[0] != '\0') {
		config_load_problem(load, &load->sources[CONFIG_KEY_log_file],
			"log.file: expected none with amnesia.enabled, where the log goes to "
			"standard output");
	}
	if (strlen(config->node_name) > CONFIG_AMNESIA_NAME_BYTES_MAX) {
		config_load_problem(load, &load->sources[CONFIG_KEY_node_name],
			"node.name: expected at most %u bytes with amnesia.enabled, which puts a "
			"slash and 16 digits behind it",
			CONFIG_AMNESIA_NAME_BYTES_MAX);
	}
	if (config->amnesia_size_bytes <
		config->engine_disk_reserve_bytes + CONFIG_AMNESIA_ROOM_BYTES) {
		config_load_problem(load,
			stronger(load, CONFIG_KEY_amnesia_size_bytes,
				CONFIG_KEY_engine_disk_reserve_bytes),
			"amnesia.size: expected %u MiB more than engine.disk_reserve, or nothing "
			"could be written",
			CONFIG_AMNESIA_ROOM_BYTES / CONFIG_MIB);
	}
}

static void check_endpoint(struct config_load *load)
{
	struct endpoint unused;

	if (load->config.otel_endpoint[0] != '\0' &&
		!endpoint_parse(load->config.otel_endpoint, &unused)) {
		config_load_problem(load, &load->sources[CONFIG_KEY_otel_endpoint],
			"otel.endpoint: expected http://, an IP address, a port and at most a "
			"path, as "
			"in http://127.0.0.1:4318 or http://[::1]:4318/otlp");
	}
}

void config_rules_check(struct config_load *load)
{
	const struct config *config = &load->config;

	check_name(load);
	check_uid_base(load);
	check_paths(load);
	check_listeners(load);
	check_order(load, CONFIG_KEY_wallet_max_amount_per_op, config->wallet_max_amount_per_op,
		CONFIG_KEY_wallet_daily_ceiling, config->wallet_daily_ceiling);
	check_order(load, CONFIG_KEY_wallet_daily_ceiling, config->wallet_daily_ceiling,
		CONFIG_KEY_wallet_max_account_total, config->wallet_max_account_total);
	check_order(load, CONFIG_KEY_wallet_staleness_window_ms,
		(u128)config->wallet_staleness_window_ms, CONFIG_KEY_wallet_degraded_stale_max_ms,
		(u128)config->wallet_degraded_stale_max_ms);
	check_order(load, CONFIG_KEY_node_restart_min_ms, (u128)config->node_restart_min_ms,
		CONFIG_KEY_node_restart_max_ms, (u128)config->node_restart_max_ms);
	check_order(load, CONFIG_KEY_node_restart_max_ms, (u128)config->node_restart_max_ms,
		CONFIG_KEY_node_restart_cap_ms, (u128)config->node_restart_cap_ms);
	check_amnesia(load);
	check_endpoint(load);
}
