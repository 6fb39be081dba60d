# SPDX-License-Identifier: Apache-2.0
TEST_PROGS +=
TEST_SCRIPTS +=
HELPER_PROGS +=
TEST_PROGS += tests/integration/ring_stress_test.c
TEST_SCRIPTS += tests/integration/install.sh
HELPER_PROGS += tests/integration/daemon_probe.c tests/integration/make_scene.c tests/integration/picture_probe.c
TEST_SCRIPTS += tests/integration/daemon_life_test.sh tests/integration/daemon_errors_test.sh \
	tests/integration/daemon_kill_test.sh tests/integration/daemon_reload_test.sh \
	tests/integration/daemon_clients_test.sh tests/integration/daemon_systemd_test.sh \
	tests/integration/daemon_faults_test.sh tests/integration/daemon_sources_test.sh tests/integration/daemon_workers_test.sh \
	tests/integration/daemon_snapshot_test.sh tests/integration/qctl_snapshot_test.sh tests/integration/daemon_gate_test.sh \
	tests/integration/daemon_budget_test.sh \
	tests/integration/daemon_snapshot_test.sh tests/integration/qctl_snapshot_test.sh tests/integration/qctl_bench_test.sh tests/integration/daemon_gate_test.sh \
	tests/integration/daemon_latency_test.sh tests/integration/daemon_status_test.sh
TEST_SCRIPTS += tests/integration/daemon_top_test.sh
