# SPDX-License-Identifier: Apache-2.0
TEST_PROGS += $(patsubst %,tests/unit/%_test.c, \
  basics ctl_holder daemon_camera daemon_camera_fault daemon_camera_lie daemon_camera_open daemon_config \
  daemon_energy daemon_gate daemon_governor daemon_hotplug daemon_mjpeg daemon_notify daemon_path daemon_power engine_chain \
  engine_classify engine_flatbuf engine_hostile engine_metadata engine_model engine_plan engine_sharing engine_signature engine_team \
  imaging_convert imaging_decode imaging_encode imaging_hostile imaging_kernel overlay qclient qclient_loss \
  qmodel_import ring ring_race snapshot wire)
HELPER_PROGS += tests/unit/qctl_daemon.c
TEST_SCRIPTS += $(patsubst %,tests/unit/%_test.sh, \
  abi completion import qctl qctl_exec qmodel qmodel_compare quantize quantize_best)
