# SPDX-License-Identifier: Apache-2.0
TEST_PROGS +=
TEST_SCRIPTS +=
HELPER_PROGS +=

TEST_PROGS += tests/unit/imaging_convert_test.c tests/unit/imaging_decode_test.c tests/unit/imaging_hostile_test.c
TEST_PROGS += tests/unit/qclient_test.c tests/unit/snapshot_test.c tests/unit/ctl_holder_test.c
HELPER_PROGS += tests/unit/qctl_daemon.c
TEST_SCRIPTS += tests/unit/qctl_test.sh tests/unit/qctl_exec_test.sh
TEST_PROGS += tests/unit/imaging_convert_test.c tests/unit/imaging_decode_test.c tests/unit/imaging_hostile_test.c \
  tests/unit/imaging_kernel_test.c tests/unit/imaging_encode_test.c tests/unit/overlay_test.c

TEST_PROGS += tests/unit/daemon_config_test.c tests/unit/daemon_camera_test.c \
  tests/unit/daemon_camera_fault_test.c tests/unit/daemon_mjpeg_test.c tests/unit/daemon_path_test.c tests/unit/daemon_power_test.c
TEST_PROGS += tests/unit/daemon_config_test.c tests/unit/daemon_camera_test.c tests/unit/daemon_path_test.c tests/unit/daemon_power_test.c tests/unit/daemon_gate_test.c tests/unit/daemon_governor_test.c
TEST_PROGS += tests/unit/engine_flatbuf_test.c tests/unit/engine_plan_test.c tests/unit/engine_classify_test.c \
    tests/unit/engine_team_test.c tests/unit/engine_sharing_test.c tests/unit/engine_chain_test.c tests/unit/engine_model_test.c
TEST_PROGS += tests/unit/ring_test.c tests/unit/ring_race_test.c
TEST_PROGS += tests/unit/wire_test.c tests/unit/basics_test.c
TEST_SCRIPTS += tests/unit/abi_test.sh
TEST_PROGS += tests/unit/engine_metadata_test.c tests/unit/engine_signature_test.c
TEST_SCRIPTS += tests/unit/qmodel_test.sh tests/unit/quantize_test.sh tests/unit/qmodel_compare_test.sh
TEST_SCRIPTS += tests/unit/completion_test.sh
TEST_SCRIPTS += tests/unit/qmodel_test.sh tests/unit/quantize_test.sh
TEST_PROGS += tests/unit/qmodel_import_test.c
TEST_SCRIPTS += tests/unit/import_test.sh
