# make            builds bin/pay-*            make check      builds and tests; make deep   the tests that take longer
# make install    honours DESTDIR and PREFIX  make lint       formatting, shell, pages
# make sanitize   the tests under ASan and UBSan              make valgrind   the unit tests and pipelines under valgrind
# make fuzz       the fuzzers, FUZZ_SECONDS each              make coverage   lines and branches   make bench

VERSION = 0.1.0
PREFIX = /usr/local
DESTDIR =
BUILD = build
BIN = bin
CC = gcc
OBJCOPY = objcopy
OPT = -O3 -g
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
WERROR =
# Where this compiler has it for this processor.
CLASH := $(shell $(CC) -Werror -fstack-clash-protection -x c -c -o /dev/null /dev/null 2>/dev/null && echo -fstack-clash-protection)
HARDEN = -fstack-protector-strong $(CLASH) -fPIE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
SANITIZE =
# -DCONFINE_NONE: without the filter of system calls (common/confine.h), for builds that make calls of their own
CONFINE =
CFLAGS = $(OPT)
CPPFLAGS =
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -iquote common $(WARN) $(WERROR) $(HARDEN) $(CONFINE) $(CFLAGS) $(SANITIZE) $(CPPFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(SANITIZE)

COMMON = $(patsubst common/%.c,$(BUILD)/common/%.o,$(wildcard common/*.c))
LIBRARY = $(BUILD)/libpaypipe.a
PROGRAMS = $(patsubst cmd/%.c,$(BIN)/%,$(wildcard cmd/pay-*.c))
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*.c))

# Each program's libraries, said once.
LIBS = -lsqlite3 -lxxhash
LIBS_pay-consume = -lz -lzstd -lcsv -lrdkafka
LIBS_pay-filter = -ljq -lcsv
LIBS_pay-produce = -lrdkafka
LIBS_pay-rule = -lcsv -lrdkafka
LIBS_pay-run = $(sort $(foreach stage,$(STAGES),$(LIBS_$(stage))))
LIBS_UNIT = -lcmocka -lz -lzstd -lcsv -ljq -lrdkafka

all: $(PROGRAMS)

$(BIN)/%: $(BUILD)/cmd/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(LIBRARY) -Wl,--as-needed $(LIBS_$*) $(LIBS)

# Programs with a folder: cmd/pay-x/*.c are its further files.
define folder
$(BIN)/$(1): $(patsubst %.c,$(BUILD)/%.o,$(wildcard cmd/$(1)/*.c))
endef
$(foreach program,$(notdir $(PROGRAMS)),$(eval $(call folder,$(program))))

# Stages: their main is one, and pay-run has them as parts. A part is a stage's objects in one, of which nothing but its
# struct part is seen from outside.
STAGES = pay-agg pay-filter pay-produce pay-rule pay-store pay-tobase
$(STAGES:%=$(BIN)/%): $(BUILD)/cmd/main.o
$(BIN)/pay-run: $(STAGES:%=$(BUILD)/parts/%.o)

define part
$(BUILD)/parts/$(1).o: $(patsubst %.c,$(BUILD)/%.o,cmd/$(1).c $(wildcard cmd/$(1)/*.c))
	@mkdir -p $$(@D)
	$(LD) -r -o $$@ $$^
	$(OBJCOPY) --redefine-sym part_own=part_$(1:pay-%=%) --keep-global-symbol=part_$(1:pay-%=%) $$@
endef
$(foreach stage,$(STAGES),$(eval $(call part,$(stage))))

# What pay-audit reads it reads by the code of those that wrote it.
$(BIN)/pay-audit: $(patsubst %.c,$(BUILD)/%.o,$(wildcard cmd/pay-store/*.c cmd/pay-agg/*.c))

$(BUILD)/tests/test-counts: $(BUILD)/cmd/pay-audit/counts.o $(BUILD)/cmd/pay-audit/findings.o
$(BUILD)/tests/test-rules: $(BUILD)/cmd/pay-rule/rules.o $(BUILD)/cmd/pay-rule/key.o $(BUILD)/cmd/pay-rule/dictionary.o
$(BUILD)/tests/test-totals: $(BUILD)/cmd/pay-agg/totals.o $(BUILD)/cmd/pay-agg/known.o
$(BUILD)/tests/test-dayclock: $(BUILD)/cmd/pay-filter/dayclock.o
$(BUILD)/tests/test-position: $(BUILD)/cmd/pay-consume/position.o
$(BUILD)/tests/test-trace: $(BUILD)/cmd/pay-consume/trace.o
$(BUILD)/tests/test-digest: $(BUILD)/cmd/pay-consume/digest.o
$(BUILD)/tests/test-doubt: $(BUILD)/cmd/pay-consume/doubt.o
$(BUILD)/tests/test-encoding: $(BUILD)/cmd/pay-consume/encoding.o
$(BUILD)/tests/test-sources: $(BUILD)/cmd/pay-tobase/sources.o
$(BUILD)/tests/%: tests/unit/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -I. $(ALL_LDFLAGS) -MMD -MP -o $@ $< $(filter %.o,$^) $(LIBRARY) $(LIBS_UNIT) $(LIBS)

$(LIBRARY): $(COMMON)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/common/options.o: CPPFLAGS += -DPAYPIPE_VERSION='"$(VERSION)"'

# Helpers of the tests, by folder tests/tool; verdict-scalar is the reader without SSE2.
TOOLS = $(patsubst tests/tool/%.c,$(BUILD)/tool/%,$(wildcard tests/tool/*.c)) $(BUILD)/tool/verdict-scalar $(BUILD)/tool/inject.so

tools: $(TOOLS)

$(BUILD)/tool/%: tests/tool/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -MMD -MP -o $@ $< $(LIBRARY) $(LIBS_TOOL)

$(BUILD)/tool/against-libjq: LIBS_TOOL = -ljq
$(BUILD)/tool/rule-api: LIBS_TOOL = -lmicrohttpd -lpthread
$(BUILD)/tool/topic $(BUILD)/tool/transact $(BUILD)/tool/mock-broker: LIBS_TOOL = -lrdkafka

$(BUILD)/tool/verdict-scalar: tests/tool/verdict.c common/json.c common/record.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DJSON_SCALAR $(ALL_LDFLAGS) -o $@ $(filter %.c,$^) $(LIBRARY)

# What tests/faults puts between programs and the system.
$(BUILD)/tool/inject.so: tests/faults/inject.c
	@mkdir -p $(@D)
	$(CC) -std=c17 -D_GNU_SOURCE $(WARN) -Wno-pedantic $(WERROR) -O2 -g -fPIC -shared -MMD -MP -o $@ $<

# Fuzzers: libFuzzer, which comes with clang. FUZZ_ARGS is for runs that repeat.
FUZZ_CC = clang
FUZZ_SECONDS = 60
FUZZ_ARGS = -max_total_time=$(FUZZ_SECONDS)
FUZZ_CORPUS = $(BUILD)/fuzz/corpus
FUZZ_CFLAGS = -std=c17 -D_GNU_SOURCE -iquote common -iquote cmd -iquote . $(WARN) $(WERROR) -O1 -g -fno-omit-frame-pointer \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZERS = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz-*.c))
FUZZ_COMMON = $(patsubst %.c,$(BUILD)/fuzz/%.o,$(wildcard common/*.c))

fuzzers: $(FUZZERS)

fuzz: fuzzers
	@for fuzzer in $(FUZZERS); do name=$${fuzzer##*/fuzz-}; mkdir -p $(FUZZ_CORPUS)/$$name; echo "fuzz-$$name"; \
	$$fuzzer $(FUZZ_ARGS) -timeout=20 -max_len=8192 -print_final_stats=0 -verbosity=0 -close_fd_mask=1 -artifact_prefix=$(BUILD)/fuzz/$$name- \
	$(FUZZ_CORPUS)/$$name tests/fuzz/seeds/$$name || exit 1; done

$(BUILD)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/common/options.o: FUZZ_CFLAGS += -DPAYPIPE_VERSION='"$(VERSION)"'

$(BUILD)/fuzz/fuzz-json: $(BUILD)/fuzz/tests/fuzz/json-twin.o
$(BUILD)/fuzz/fuzz-policy: $(BUILD)/fuzz/cmd/pay-filter/policy.o
$(BUILD)/fuzz/fuzz-position: $(BUILD)/fuzz/cmd/pay-consume/position.o
$(BUILD)/fuzz/fuzz-trace: $(BUILD)/fuzz/cmd/pay-consume/trace.o
$(BUILD)/fuzz/fuzz-bytes: $(BUILD)/fuzz/cmd/pay-consume/bytes.o
$(BUILD)/fuzz/fuzz-rule: $(BUILD)/fuzz/cmd/pay-rule/ruletext.o
$(BUILD)/fuzz/fuzz-envelope: $(patsubst %,$(BUILD)/fuzz/cmd/pay-consume/%.o,covers envelope message delivery doubt beginning table)
$(BUILD)/fuzz/fuzz-properties: FUZZ_WRAP = -Wl,--wrap=file_open
$(BUILD)/fuzz/fuzz-policy: FUZZ_WRAP = -Wl,--wrap=csv_file -Wl,--wrap=file_open

# fail is wrapped, so that a fuzzer outlives what the program would end with.
$(BUILD)/fuzz/%: tests/fuzz/%.c $(FUZZ_COMMON)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -Wl,--wrap=fail $(FUZZ_WRAP) -MMD -MP -o $@ $< $(filter %.o,$^) $(LIBS) $(LIBS_UNIT)

# All that the tests run, built.
tests: all $(UNIT) tools

check:
	scripts/check

deep lint sanitize valgrind:
	scripts/check $@

# The fault campaign (HACKING.md). FAULT_SEED, FAULT_ROUNDS, FAULT_POINTS, FAULT_JOBS; FAULT_PARTS: a part of it.
FAULT_ARGS = $(if $(FAULT_SEED),--seed $(FAULT_SEED)) $(if $(FAULT_ROUNDS),--rounds $(FAULT_ROUNDS)) \
	$(if $(FAULT_POINTS),--points $(FAULT_POINTS)) $(if $(FAULT_JOBS),--jobs $(FAULT_JOBS)) $(if $(FAULT_SHORT),--short)
FAULT_PARTS =

faults: all $(BUILD)/tool/inject.so
	tests/faults/campaign --bin $(BIN) --inject $(BUILD)/tool/inject.so $(FAULT_ARGS) $(FAULT_PARTS)

# Programs and unit tests under the sanitizers, in a tree of their own; scripts/check sanitize runs them.
sanitized:
	$(MAKE) BUILD=$(BUILD)/sanitize BIN=$(BUILD)/sanitize/bin WERROR=-Werror HARDEN=-fPIE CONFINE=-DCONFINE_NONE \
	OPT='-O1 -g -fno-omit-frame-pointer' \
	SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' all $(UNIT:$(BUILD)/%=$(BUILD)/sanitize/%)

# Lines and branches of common/ and cmd/ that the tests reach. Left out are tests of the tests' own tools, and of memory.
COVERAGE_TESTS = $(filter-out $(patsubst %,tests/%.bats,fuzz broker mock memory),$(wildcard tests/*.bats))

coverage:
	$(MAKE) BUILD=$(BUILD)/coverage BIN=$(BUILD)/coverage/bin HARDEN=-fPIE CONFINE=-DCONFINE_NONE OPT='-O0 -g' SANITIZE='--coverage' all \
	$(UNIT:$(BUILD)/%=$(BUILD)/coverage/%)
	find $(BUILD)/coverage -name '*.gcda' -delete
	for test in $(UNIT:$(BUILD)/%=$(BUILD)/coverage/%); do $$test >/dev/null 2>&1 || exit 1; done
	-PAYPIPE_BIN=$(CURDIR)/$(BUILD)/coverage/bin PAYPIPE_SLOW=1 bats $(COVERAGE_TESTS)
	cd $(BUILD)/coverage && gcov -b -r -s $(CURDIR) $$(find . -name '*.gcda') | awk -f $(CURDIR)/scripts/coverage.awk

# Each stage's speed and memory, beside jq and mlr. BENCH_ARGS: -n PAYMENTS -r ROUNDS
BENCH_ARGS =

bench: all $(BUILD)/tool/measure $(BUILD)/bench/mover
	@bench/stages $(BENCH_ARGS)

# pay-store beside sqlite3's .import, and its rate as it grows. BENCH_ARGS: -n PAYMENTS -r ROUNDS -g PAYMENTS
bench-store: all $(BUILD)/tool/measure $(BUILD)/bench/pace
	@bench/store $(BENCH_ARGS)

$(BUILD)/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -MMD -MP -o $@ $<

install: all
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/man/man1' '$(DESTDIR)$(PREFIX)/share/man/man7' \
	'$(DESTDIR)$(PREFIX)/share/bash-completion/completions'
	install -m 755 $(PROGRAMS) '$(DESTDIR)$(PREFIX)/bin'
	for script in settle backfill compare; do \
	install -m 755 scripts/$$script '$(DESTDIR)$(PREFIX)/bin/pay-'$$script || exit 1; done
	install -m 644 man/*.1 '$(DESTDIR)$(PREFIX)/share/man/man1'
	install -m 644 man/*.7 '$(DESTDIR)$(PREFIX)/share/man/man7'
	install -m 644 scripts/completion.bash '$(DESTDIR)$(PREFIX)/share/bash-completion/completions/paypipe'

uninstall:
	cd '$(DESTDIR)$(PREFIX)' && rm -f $(addprefix bin/,$(notdir $(PROGRAMS)) pay-settle pay-backfill pay-compare) \
	$(patsubst man/%.1,share/man/man1/%.1,$(wildcard man/*.1)) $(patsubst man/%.7,share/man/man7/%.7,$(wildcard man/*.7)) \
	share/bash-completion/completions/paypipe

clean:
	rm -rf $(BUILD) $(BIN)

.PHONY: all tests check deep lint sanitize sanitized valgrind coverage install uninstall clean tools fuzz fuzzers faults bench \
	bench-store
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
