/* A file of Kafka's properties is taken or refused with its line; what is fixed stays as it was. */
#include <sys/mman.h>
#include <unistd.h>

#include "kafka.h"
#include "kept.h"

static struct slice file;
static int opened;

/* The linker puts this in the place of file_open: the file comes from memory. */
int __wrap_file_open(const char *path);
int __wrap_file_open(const char *path)
{
	(void)path;
	opened = memfd_create("properties", MFD_CLOEXEC);
	MUST(opened >= 0 && write(opened, file.p, file.n) == (ssize_t)file.n && lseek(opened, 0, SEEK_SET) == 0);
	return opened;
}

static void configure(void *self)
{
	static const struct kafka_property own[] = {
	    {"enable.auto.commit", "false", true}, {"client.id", "x", false}, {0}};
	static struct kafka_setting named = {KAFKA_FILE, "properties"};
	struct settings settings = {.program = "pay-consume", .kafka = &named, .kafka_n = 1};
	struct kafka *kafka = self;
	char value[16];
	size_t n = sizeof value;
	kafka_configure(kafka, &settings, own);
	MUST(rd_kafka_conf_get(kafka->conf, "enable.auto.commit", value, &n) == RD_KAFKA_CONF_OK &&
	     strcmp(value, "false") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static int begun;
	struct kafka kafka = {0};
	if (!begun++) /* what the library makes once is not to be given back */
		rd_kafka_conf_destroy(rd_kafka_conf_new());
	/* A plugin's name would be looked for on this machine. */
	if (memmem(bytes, n, "plugin", 6))
		return 0;
	file = fuzz_slice(bytes, n);
	opened = -1;
	kept_start();
	if (kept_try(configure, &kafka))
		kafka_close(&kafka);
	else if (opened >= 0)
		close(opened);
	kept_free();
	free((char *)file.p);
	return 0;
}
