# lpnode: one file, no recursion into folders.  `make help` lists the targets.
# SAN=address,undefined or SAN=thread picks another build folder and compiler flags.

comma := ,
BUILD := build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
VERSION := 0.1.0

CC ?= gcc
OPT ?= $(if $(SAN),-O1,-O2)
PKGS := libuv libsodium libsecp256k1 openssl nettle jansson libprotobuf-c libcurl libseccomp lmdb
AV_PKGS := libavformat libavcodec libswscale libavutil
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla \
	-Wformat=2 -Wno-format-nonliteral -Wno-unused-parameter $(if $(WERROR),-Werror)
HARDEN := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2 -fstack-clash-protection)
CFLAGS ?= $(OPT) -g
LP_CFLAGS = -std=gnu11 -D_GNU_SOURCE -I. -I$(BUILD) -DLP_VERSION='"$(VERSION)"' $(HARDEN) \
	$(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -DLP_SANITIZED=1) \
	$(shell pkg-config --cflags $(PKGS) $(AV_PKGS) 2>/dev/null) -I/usr/share/include/llhttp
LP_LDFLAGS = -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN))
LIBS = $(shell pkg-config --libs $(PKGS) $(AV_PKGS) 2>/dev/null) -lpthread -lm

# Each folder is one archive; what it may use stands to its right.
ROOMS := base eth media/wire media/av protocol node/store node/http node/chain node/peer node/work node/farm node/ingest node/bench node cmd
libs_base := base
libs_eth := eth base
libs_media/wire := media/wire base
libs_media/av := media/av media/wire base
libs_protocol := protocol proto base
libs_node/http := node/http llhttp base
libs_node/store := node/store base
libs_node/chain := node/chain node/store node/http llhttp bind eth base
libs_bind := bind eth base
libs_node/ingest := node/ingest media/wire base
libs_node/peer := node/peer protocol proto base
libs_node/work := node/work media/av media/wire protocol proto base
libs_node/farm := node/farm node/peer node/work media/av media/wire protocol proto base
libs_node/bench := node/bench node/work media/av media/wire protocol proto base
libs_node := node node/chain node/store bind eth node/bench node/farm node/ingest node/http llhttp node/peer node/work media/av media/wire protocol proto base
libs_cmd := cmd $(libs_node)

archive = $(BUILD)/lib$(subst /,-,$(1)).a
archives = $(foreach l,$(libs_$(1)),$(call archive,$(l)))
# main() stays out of its room's archive: tests of the commands link that.
MAIN := $(BUILD)/cmd/main.o
objs = $(filter-out $(MAIN),$(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)/*.c)))

all: $(BUILD)/lpnode web
.PHONY: all web run setup test test-long check check-system fuzz fuzz-replay bench soak sim help clean docs unit-tests test-tools test-gpu bench-gpu \
	contracts check-contracts

# ---- generated and foreign code: our warnings are not for it ----
$(BUILD)/proto/%.pb-c.c $(BUILD)/proto/%.pb-c.h: proto/%.proto
	@mkdir -p $(BUILD)/proto
	protoc-c --proto_path=proto --c_out=$(BUILD)/proto $<
PROTO_OBJS := $(patsubst proto/%.proto,$(BUILD)/proto/%.pb-c.o,$(wildcard proto/*.proto))
PROTO_HDRS := $(PROTO_OBJS:.o=.h)
.SECONDARY: $(PROTO_HDRS) $(PROTO_HDRS:.h=.c)
$(PROTO_OBJS): %.o: %.c
	$(CC) $(CFLAGS) $(LP_CFLAGS) -w -c -o $@ $<
$(call archive,proto): $(PROTO_OBJS)
	$(AR) rcs $@ $^

LLHTTP_OBJS := $(BUILD)/llhttp/llhttp.o $(BUILD)/llhttp/api.o $(BUILD)/llhttp/http.o
$(LLHTTP_OBJS): $(BUILD)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LP_CFLAGS) -w -c -o $@ $<
$(call archive,llhttp): $(LLHTTP_OBJS)
	$(AR) rcs $@ $^

# The contracts' bindings: typed calls and events, errors, what `lpnode deploy` deploys.
# Compiling the contracts takes a minute: only what may include bind/ waits for it.
BIND := livepeer_token controller minter rounds_manager bonding_manager jobs_manager verifier service_registry \
	livepeer_governor bonding_votes treasury genesis_claim livepeer_token_faucet errors artifacts
BIND_SRCS := $(BIND:%=$(BUILD)/bind/%.c)
BIND_OBJS := $(BIND_SRCS:.c=.o)
BIND_FILES := $(BIND_SRCS) $(BIND_SRCS:.c=.h)
.SECONDARY: $(BIND_FILES)
$(BUILD)/bind/.stamp: scripts/bindings.mjs eth/deploy.json build/contracts/.stamp
	node scripts/bindings.mjs $(@D)
	@touch $@
$(BIND_FILES): $(BUILD)/bind/.stamp
	@:
$(BIND_OBJS): %.o: %.c
	$(CC) $(CFLAGS) $(LP_CFLAGS) $(WARN) -MMD -MP -c -o $@ $<
$(call archive,bind): $(BIND_OBJS)
	@rm -f $@
	$(AR) rcs $@ $^
users_of_bind = $(filter cmd/% node/chain/% test/bind/% test/cmd/% test/node/chain/% test/tools/% test/bench/% test/fuzz/%,$(1))
$(patsubst %.c,$(BUILD)/%.o,$(call users_of_bind,$(wildcard cmd/*.c node/chain/*.c test/*/*.c test/node/chain/*.c))): | $(BUILD)/bind/.stamp

# ---- our code ----
$(BUILD)/%.o: %.c | $(PROTO_HDRS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LP_CFLAGS) $(WARN) -MMD -MP -c -o $@ $<

define room_rule
$(call archive,$(1)): $(call objs,$(1))
	@rm -f $$@; mkdir -p $$(@D)
	$$(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

# The player page is part of the program.
WEB_FILES := $(wildcard node/web/*) build/web/hls.min.js
$(BUILD)/node/web_data.c: scripts/embed.sh $(WEB_FILES)
	scripts/embed.sh $@ $(WEB_FILES)
$(BUILD)/node/web_data.o: $(BUILD)/node/web_data.c node/web_files.h
	$(CC) $(CFLAGS) $(LP_CFLAGS) $(WARN) -c -o $@ $<
$(call archive,node): $(BUILD)/node/web_data.o

$(BUILD)/lpnode: $(MAIN) $(call archives,cmd)
	$(CC) $(LP_LDFLAGS) -o $@ $< -Wl,--start-group $(call archives,cmd) -Wl,--end-group $(LIBS)

# ---- tests: test/<room>/test_x.c links only what its room may use ----
UNIT_SRCS := $(foreach r,$(ROOMS) bind,$(wildcard test/$(r)/test_*.c))
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(UNIT_SRCS))
room_of = $(patsubst test/%/,%,$(dir $(1)))
define unit_rule
$(BUILD)/$(1:.c=): $(BUILD)/$(1:.c=.o) $(call archives,$(call room_of,$(1)))
	$$(CC) $$(LP_LDFLAGS) -o $$@ $$< -Wl,--start-group $(call archives,$(call room_of,$(1))) -Wl,--end-group $$(LIBS) -lcmocka
endef
$(foreach t,$(UNIT_SRCS),$(eval $(call unit_rule,$(t))))
unit-tests: $(UNIT_TESTS)

# A card that is none (test/media/av/fake_cuda.h): loaded by the test that lies beside it.
FAKE_LIBS := $(patsubst test/media/av/fake_%.c,$(BUILD)/test/media/av/lib%.so.1,$(wildcard test/media/av/fake_*.c))
$(FAKE_LIBS): $(BUILD)/test/media/av/lib%.so.1: test/media/av/fake_%.c test/media/av/fake_cuda.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LP_CFLAGS) $(WARN) -fPIC -shared $(if $(SAN),-fsanitize=$(SAN)) -Wl,-soname,$(@F) -o $@ $<
$(BUILD)/test/media/av/test_gpu_nvidia: | $(FAKE_LIBS)

# Small programs that tests and benches run: test/tools/x.c, test/bench/x.c
TOOL_SRCS := $(wildcard test/tools/*.c test/bench/*.c)
TOOLS := $(patsubst %.c,$(BUILD)/%,$(TOOL_SRCS))
$(TOOLS): $(BUILD)/%: $(BUILD)/%.o $(call archives,node)
	$(CC) $(LP_LDFLAGS) -o $@ $< -Wl,--start-group $(call archives,node) -Wl,--end-group $(LIBS)
test-tools: $(TOOLS)

# What needs a GPU: test/gpu/x.c, run by scripts/test_gpu.sh
GPU_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard test/gpu/*.c))
$(GPU_TESTS): $(BUILD)/%: $(BUILD)/%.o $(call archives,media/av)
	$(CC) $(LP_LDFLAGS) -o $@ $< -Wl,--start-group $(call archives,media/av) -Wl,--end-group $(LIBS) -lcmocka

# ---- fuzz targets: test/fuzz/fuzz_x.c with corpus test/fuzz/corpus/x/ ----
FUZZ_SRCS := $(wildcard test/fuzz/fuzz_*.c)
FUZZ_REPLAY := $(patsubst test/fuzz/%.c,$(BUILD)/test/fuzz/%,$(FUZZ_SRCS))
$(FUZZ_REPLAY): $(BUILD)/test/fuzz/%: $(BUILD)/test/fuzz/%.o $(BUILD)/test/fuzz/replay.o $(call archives,cmd)
	$(CC) $(LP_LDFLAGS) -o $@ $< $(BUILD)/test/fuzz/replay.o -Wl,--start-group $(call archives,cmd) -Wl,--end-group $(LIBS)
fuzz-replay: $(FUZZ_REPLAY)
ifneq ($(FUZZING),)
$(patsubst test/fuzz/%.c,$(BUILD)/fuzzers/%,$(FUZZ_SRCS)): $(BUILD)/fuzzers/%: $(BUILD)/test/fuzz/%.o $(call archives,cmd)
	@mkdir -p $(@D)
	$(CC) $(LP_LDFLAGS) -fsanitize=fuzzer -o $@ $< -Wl,--start-group $(call archives,cmd) -Wl,--end-group $(LIBS)
fuzzers: $(patsubst test/fuzz/%.c,$(BUILD)/fuzzers/%,$(FUZZ_SRCS))
endif

# libFuzzer binaries by clang, in build/san-.../fuzzers; FUZZ_SECONDS each (0: only build)
fuzz:
	$(MAKE) CC=clang SAN=address,undefined,fuzzer-no-link FUZZING=1 fuzzers
	scripts/fuzz.sh build/san-address-undefined-fuzzer-no-link/fuzzers $(or $(FUZZ_SECONDS),0)

# ---- contracts: build/contracts/NAME.json, by which the program deploys and calls them ----
contracts: build/contracts/.stamp build/contracts/test/.stamp
CONTRACT_SRCS := scripts/contracts.mjs package-lock.json $(wildcard eth/contracts/*.sol eth/contracts/*/*.sol)
build/contracts/.stamp: $(CONTRACT_SRCS) | build/web/hls.min.js	# whose making has installed the compiler
	node scripts/contracts.mjs --own
	@touch $@
build/contracts/test/.stamp: build/contracts/.stamp $(wildcard test/contracts/sol/*.sol)
	node scripts/contracts.mjs
	@touch $@

# ---- what people type ----
web: build/web/hls.min.js
build/web/hls.min.js: package.json package-lock.json
	scripts/vendor_web.sh build/web

setup:
	scripts/setup.sh run

run:
	scripts/setup.sh run
	$(MAKE) -j2 all
	scripts/demo.mjs

check: unit-tests
	scripts/run_units.sh $(BUILD)

test:
	scripts/setup.sh test
	scripts/test_all.sh

test-long:
	scripts/setup.sh test
	TEST_LONG=1 scripts/test_all.sh

check-contracts: contracts
	scripts/run_contracts.sh

check-system: all test-tools
	scripts/run_system.sh $(BUILD)

test-gpu: $(BUILD)/lpnode $(GPU_TESTS)
	@scripts/test_gpu.sh $(BUILD)

bench-gpu: $(BUILD)/lpnode
	@scripts/bench_gpu.sh $(BUILD)

bench:
	scripts/setup.sh bench
	$(MAKE) -j2 all test-tools
	scripts/bench.sh

soak: all
	scripts/soak.sh

sim:
	@scripts/sim.mjs

docs: $(BUILD)/lpnode
	scripts/gen_docs.sh $(BUILD)/lpnode

clean:
	rm -rf build

help:
	@echo "make            build build/lpnode and the player page"
	@echo "make run        install what is missing, build, start a node with a sample stream"
	@echo "                RUN_SECONDS=30 ends by itself with a summary"
	@echo "make test       install what is missing, run all tests; ends with 'N passed, N failed'"
	@echo "make test-long  the same with soaks, whole sweeps and long fuzzing"
	@echo "make check      unit tests of this build folder only"
	@echo "make check-system  system tests only"
	@echo "make contracts  compile eth/contracts into build/contracts/NAME.json"
	@echo "make check-contracts  their tests only, on Anvil"
	@echo "make test-gpu   the ladder on this machine's GPUs; make bench-gpu: streams on them"
	@echo "make fuzz       build the libFuzzer targets; FUZZ_SECONDS=60 runs each"
	@echo "make bench      measure against ffmpeg, nginx and nginx-rtmp"
	@echo "make soak       a farm for SOAK_SECONDS (3600): fails when a process grows"
	@echo "make sim        the contracts' economy for ROUNDS (1000) and what attacks gain; SEED, SEEDS"
	@echo "make docs       regenerate the option tables in docs/operators.md"
	@echo "SAN=address,undefined or SAN=thread picks a sanitizer build folder"

DEPS := $(BIND_OBJS:.o=.d) $(foreach r,cmd $(ROOMS),$(patsubst %.o,%.d,$(call objs,$(r)))) $(UNIT_TESTS:=.d) $(TOOLS:=.d) $(GPU_TESTS:=.d) $(FUZZ_REPLAY:=.d)
libs_cmd := cmd $(libs_node)
-include $(DEPS)
