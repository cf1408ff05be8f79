# features.sh on PCI, where Linux takes RING_RESET too.
# group: vhe-features
# host: vhe
# needs: kernel:6.1-cloud kernel:6.12-cloud
# seconds: 60

transport=pci
. /tests/cases/features.sh
