# SPDX-License-Identifier: Apache-2.0
TEST_PROGS += tests/integration/ring_stress_test.c
HELPER_PROGS += $(patsubst %,tests/integration/%.c,daemon_probe hostile_probe make_scene picture_probe)
TEST_SCRIPTS += tests/integration/install.sh $(patsubst %,tests/integration/%_test.sh, \
  daemon_budget daemon_clients daemon_errors daemon_faults daemon_gate daemon_kill daemon_latency \
  daemon_life daemon_reload daemon_snapshot daemon_sources daemon_status daemon_systemd daemon_top \
  daemon_workers qctl_bench qctl_snapshot)
