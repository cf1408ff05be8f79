# disk.sh on PCI.
# group: vhe-pci
# host: vhe
# needs: kernel:6.1-cloud
# seconds: 120

transport=pci
. /tests/cases/disk.sh
