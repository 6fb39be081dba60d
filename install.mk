# SPDX-License-Identifier: Apache-2.0
# What `make install` puts where. Paths in units, the configuration and man pages are written for PREFIX=/usr
# and rewritten for any other. An existing configuration is never overwritten.
bindir      ?= $(PREFIX)/bin
sbindir     ?= $(PREFIX)/sbin
libdir      ?= $(PREFIX)/lib
includedir  ?= $(PREFIX)/include
datadir     ?= $(PREFIX)/share
mandir      ?= $(datadir)/man
sysconfdir  ?= /etc
unitdir     ?= $(PREFIX)/lib/systemd/system
sysusersdir ?= $(PREFIX)/lib/sysusers.d
tmpfilesdir ?= $(PREFIX)/lib/tmpfiles.d
udevdir     ?= $(PREFIX)/lib/udev/rules.d
bashcompdir ?= $(datadir)/bash-completion/completions

INSTALL_MODELS   := models/efficientnet_lite0_int8.tflite models/imagenet_labels.txt
INSTALL_LICENCES := models/LICENSE.efficientnet-lite0
INSTALL_PICTURES := $(wildcard models/pictures/*)
INSTALL_UNITS    := systemd/qedged.service systemd/qedged.socket systemd/qedge-metrics.service systemd/qedge-metrics.timer
INSTALL_SYSUSERS := systemd/sysusers.conf
INSTALL_TMPFILES := systemd/tmpfiles.conf
INSTALL_UDEV     := systemd/70-qedge.rules
INSTALL_MAN      := $(wildcard man/*.[1-8])
INSTALL_CONFIG   := etc/qedged.yaml
INSTALL_BASHCOMP := ctl/qctl.bash qmodel/qmodel.bash

# A program in PREFIX/bin finds the library in PREFIX/lib by itself, so no ldconfig is needed for odd prefixes.
INSTALL_RPATH := $(if $(filter /usr,$(PREFIX)),,-Wl,-rpath,'$$ORIGIN/../lib')
$(BUILD)/install/qctl: $(call obj,ctl/main.c) $(call lib,$(CTL_ROOMS)) $(BUILD)/libqclient.so
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS) $(INSTALL_RPATH) -o $@ $(filter %.o %.a,$^) -L$(BUILD) -lqclient $(CTL_LIBS) $(IMAGING_LIBS) -lm
.PHONY: install uninstall $(BUILD)/install/qctl

D = $(DESTDIR)
rewrite = sed -e 's,/usr/sbin/,$(sbindir)/,g' -e 's,/usr/bin/\(qctl\|qmodel\),$(bindir)/\1,g' \
              -e 's,/usr/share/qedge,$(datadir)/qedge,g' -e 's,/etc/qedge,$(sysconfdir)/qedge,g'
# $(call place,MODE,SOURCE,TARGET): install SOURCE as TARGET with the paths rewritten
place = install -d '$(D)$(dir $(3))' && $(rewrite) '$(2)' > '$(BUILD)/install/$(notdir $(3))' && \
        install -m $(1) '$(BUILD)/install/$(notdir $(3))' '$(D)$(3)'
man_place = $(call place,644,$(1),$(mandir)/man$(patsubst .%,%,$(suffix $(1)))/$(notdir $(1)))

install: all $(BUILD)/install/qctl  ## install below DESTDIR/PREFIX (PREFIX=/usr for a package)
	$(Q)install -d '$(D)$(bindir)' '$(D)$(sbindir)' '$(D)$(libdir)/pkgconfig' '$(D)$(includedir)' '$(D)$(datadir)/qedge/models' \
	  '$(D)$(datadir)/qedge/pictures' '$(D)$(datadir)/doc/qedge'
	$(Q)install -m 755 $(BUILD)/qedged '$(D)$(sbindir)'
	$(Q)install -m 755 $(BUILD)/install/qctl $(BUILD)/qmodel '$(D)$(bindir)'
	$(Q)install -m 755 $(BUILD)/libqclient.so.$(VERSION) '$(D)$(libdir)'
	$(Q)ln -sf libqclient.so.$(VERSION) '$(D)$(libdir)/$(SONAME)'
	$(Q)ln -sf $(SONAME) '$(D)$(libdir)/libqclient.so'
	$(Q)install -m 644 include/qclient.h '$(D)$(includedir)'
	$(Q)sed -e 's,@prefix@,$(PREFIX),' -e 's,@libdir@,$(libdir),' -e 's,@includedir@,$(includedir),' -e 's,@VERSION@,$(VERSION),' \
	  libclient/libqclient.pc.in > $(BUILD)/install/libqclient.pc
	$(Q)install -m 644 $(BUILD)/install/libqclient.pc '$(D)$(libdir)/pkgconfig'
	$(Q)install -m 644 $(INSTALL_MODELS) '$(D)$(datadir)/qedge/models'
	$(Q)install -m 644 $(INSTALL_PICTURES) '$(D)$(datadir)/qedge/pictures'
	$(Q)install -m 644 LICENSE $(INSTALL_LICENCES) libclient/examples/watch.c '$(D)$(datadir)/doc/qedge'
	$(Q)$(foreach f,$(INSTALL_CONFIG),$(call place,644,$(f),$(datadir)/qedge/$(notdir $(f))) &&) true
	$(Q)install -d '$(D)$(sysconfdir)/qedge'
	$(Q)test -e '$(D)$(sysconfdir)/qedge/qedged.yaml' || \
	  install -m 644 '$(D)$(datadir)/qedge/qedged.yaml' '$(D)$(sysconfdir)/qedge/qedged.yaml'
	$(Q)$(foreach f,$(INSTALL_UNITS),$(call place,644,$(f),$(unitdir)/$(notdir $(f))) &&) true
	$(Q)$(foreach f,$(INSTALL_SYSUSERS),$(call place,644,$(f),$(sysusersdir)/qedge.conf) &&) true
	$(Q)$(foreach f,$(INSTALL_TMPFILES),$(call place,644,$(f),$(tmpfilesdir)/qedge.conf) &&) true
	$(Q)$(foreach f,$(INSTALL_UDEV),$(call place,644,$(f),$(udevdir)/$(notdir $(f))) &&) true
	$(Q)$(foreach f,$(INSTALL_MAN),$(call man_place,$(f)) &&) true
	$(Q)$(foreach f,$(INSTALL_BASHCOMP),$(call place,644,$(f),$(bashcompdir)/$(basename $(notdir $(f)))) &&) true
	$(Q)$(if $(D)$(CROSS),,ldconfig 2>/dev/null || true)
	@echo "installed below $(D)$(PREFIX) (configuration: $(D)$(sysconfdir)/qedge/qedged.yaml)"

uninstall:                  ## remove what install put there; the configuration stays
	$(Q)rm -f '$(D)$(sbindir)/qedged' '$(D)$(bindir)/qctl' '$(D)$(bindir)/qmodel' '$(D)$(includedir)/qclient.h' \
	  '$(D)$(libdir)/libqclient.so.$(VERSION)' '$(D)$(libdir)/$(SONAME)' '$(D)$(libdir)/libqclient.so' \
	  '$(D)$(libdir)/pkgconfig/libqclient.pc' '$(D)$(sysusersdir)/qedge.conf' '$(D)$(tmpfilesdir)/qedge.conf' \
	  $(foreach f,$(INSTALL_UNITS),'$(D)$(unitdir)/$(notdir $(f))') $(foreach f,$(INSTALL_UDEV),'$(D)$(udevdir)/$(notdir $(f))') \
	  $(foreach f,$(INSTALL_MAN),'$(D)$(mandir)/man$(patsubst .%,%,$(suffix $(f)))/$(notdir $(f))') \
	  $(foreach f,$(INSTALL_BASHCOMP),'$(D)$(bashcompdir)/$(basename $(notdir $(f)))')
	$(Q)rm -rf '$(D)$(datadir)/qedge' '$(D)$(datadir)/doc/qedge'

.PHONY: deb packages-deb
packages-deb:
	@scripts/packages.sh $(PACKAGES_DEB) $(if $(CROSS),$(PACKAGES_CROSS),$(PACKAGES_BUILD) $(PACKAGES_CHECK))
deb: packages-deb           ## build Debian packages into build/deb, check them with lintian (CROSS=aarch64-linux-gnu- for arm64)
	@$(if $(OWN_SYSROOT),+$(MAKE) $(OWN_SYSROOT).made)
	@scripts/deb.sh build/deb $(if $(CROSS),$(CROSS:%-=%) '$(SYSROOT)')
