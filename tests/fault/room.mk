# SPDX-License-Identifier: Apache-2.0
# Programs in which calls fail one by one (inject.h). --wrap works on our own objects only: libraries keep theirs.
FAULT_PROGS := tests/fault/load_fault_test.c tests/fault/client_fault_test.c tests/fault/service_fault_test.c
FAULT_WRAPS := malloc calloc realloc reallocarray aligned_alloc strdup asprintf __asprintf_chk vasprintf __vasprintf_chk mmap memfd_create \
	posix_fallocate open fopen fdopen fstat read write close ioctl fcntl socket bind listen connect accept4 sendmsg recvmsg \
	pipe2 socketpair eventfd epoll_create1 epoll_ctl timerfd_create inotify_init1 inotify_add_watch uv_loop_init uv_poll_init \
	uv_poll_start uv_signal_init uv_signal_start uv_async_init yaml_parser_initialize \
	png_create_read_struct png_create_info_struct pthread_create log_message
FAULT_BINS  := $(FAULT_PROGS:%.c=$(BUILD)/%)
FAULT_OBJ   := $(BUILD)/obj/tests/fault/inject.o
# AddressSanitizer is their judge; ThreadSanitizer has the tests of each part.
ifneq ($(SANITIZE),thread)
TEST_PROGS  += $(FAULT_PROGS)
endif
ALL_OBJS    += $(FAULT_OBJ)
$(FAULT_BINS): $(FAULT_OBJ)
$(FAULT_BINS): TEST_LDFLAGS += $(FAULT_OBJ) $(FAULT_WRAPS:%=-Wl,--wrap=%)
HELPER_PROGS += tests/fault/soak.c tests/fault/crowd.c
# ring_order_test switches stacks, which sanitizers do not follow; frame_path_test's malloc would be theirs.
ifndef SANITIZE
TEST_PROGS += tests/fault/ring_order_test.c tests/fault/frame_path_test.c
endif
$(BUILD)/tests/fault/frame_path_test: TEST_LDFLAGS += -Wl,--wrap=log_message
