#include <inttypes.h>

#include "tests/load/load.h"

static double per_second(const struct load *load, uint64_t count)
{
	return (double)count * 1e6 / (double)(load->ended_us - load->started_us + 1);
}

static void report_statuses(const struct load *load, FILE *out)
{
	const char *comma = "";

	(void)fprintf(out, "\"statuses\":{");
	for (unsigned status = 0; status < LOAD_STATUSES; status++) {
		if (load->counts.statuses[status] != 0) {
			(void)fprintf(out, "%s\"%u\":%" PRIu64, comma, status,
				load->counts.statuses[status]);
			comma = ",";
		}
	}
	(void)fprintf(out, "}");
}

static void report_latency(const struct load *load, FILE *out)
{
	const struct histogram *latency = &load->latency_us;

	(void)fprintf(out,
		"\"latency_us\":{\"p50\":%" PRIu64 ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64
		",\"p999\":%" PRIu64 ",\"max\":%" PRIu64 "}",
		histogram_at(latency, 500), histogram_at(latency, 900), histogram_at(latency, 990),
		histogram_at(latency, 999), latency->max);
}

void load_report(const struct load *load, FILE *out)
{
	const struct load_counts *counts = &load->counts;
	const struct requests_plan *plan = &load->options.plan;
	uint64_t entries = counts->acknowledged * plan->entries_per_request;

	(void)fprintf(out,
		"{\"connections\":%u,\"entries_per_request\":%" PRIu32 ",\"seconds\":%.3f"
		",\"requests\":%" PRIu64 ",\"entries\":%" PRIu64 ",\"requests_per_second\":%.1f"
		",\"entries_per_second\":%.1f,\"errors\":%" PRIu64 ",\"retries\":%" PRIu64
		",\"replayed\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"timeouts\":%" PRIu64
		",\"abandoned\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"wrong\":%" PRIu64 ",",
		load->options.connections, plan->entries_per_request,
		(double)(load->ended_us - load->started_us) / 1e6, counts->acknowledged, entries,
		per_second(load, counts->acknowledged), per_second(load, entries), counts->errors,
		counts->retries, counts->replayed, counts->lost, counts->timeouts,
		counts->abandoned, counts->refused, counts->wrong);
	report_statuses(load, out);
	(void)fputc(',', out);
	report_latency(load, out);
	(void)fprintf(out, "}\n");
}
