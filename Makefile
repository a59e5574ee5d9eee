# Thin on purpose: each target names the one script that knows how. `make` alone lists them.
LAB_NAME ?= lab
# Not given = as the lab is, or the default (docs/lab.md).
LAB_HOSTS ?=
LAB_RELEASE ?=
LAB_SUBNET ?=
LAB_BACKEND ?=
LAB_MEMORY_MB ?=
LAB_CPUS ?=

# Of `make chaos`: the scenarios, and the lab that is broken.
CHAOS ?= all
CHAOS_LAB ?= chaos
CHAOS_SUBNET ?= 192.168.26.0/24

PYTHON ?= python3
LAB := $(PYTHON) -m lab
TOOLS := .venv/bin
export PATH := $(CURDIR)/$(TOOLS):$(PATH)

lab_options = --name $(LAB_NAME) $(if $(LAB_HOSTS),--hosts $(LAB_HOSTS)) $(if $(LAB_RELEASE),--release $(LAB_RELEASE)) \
	$(if $(LAB_SUBNET),--subnet $(LAB_SUBNET)) $(lab_sizes)
lab_sizes = $(if $(LAB_BACKEND),--backend $(LAB_BACKEND)) $(if $(LAB_MEMORY_MB),--memory-mb $(LAB_MEMORY_MB)) \
	$(if $(LAB_CPUS),--cpus $(LAB_CPUS))
# An empty -i would be this folder, with every inventory below it: without a lab nothing is run.
play = inventory=$$($(LAB) inventory --name $(LAB_NAME)) && $(TOOLS)/ansible-playbook -i "$$inventory"

.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z_%-]+:.*## / { printf "  make %-23s %s\n", $$1, $$2 }' Makefile

lab: ## from a bare machine to a proven cluster on hosts of its own (LAB_HOSTS, LAB_BACKEND, LAB_RELEASE, LAB_NAME, LAB_SUBNET)
	@$(LAB) make $(lab_options)

lab-down: ## remove the lab without a trace
	@$(LAB) down --name $(LAB_NAME)

lab-status: ## which hosts there are, and which run
	@$(LAB) status --name $(LAB_NAME)

site: venv ## converge the lab's cluster and prove it
	$(play) site.yml

verify: venv ## prove the lab's cluster, changing nothing
	$(play) playbooks/verify.yml

perf: venv ## measure the lab's cluster
	$(play) playbooks/perf.yml

# The lab goes, however it ends; its reports stay.
chaos: venv ## break a lab of its own in every way, prove that nothing is lost, remove it (CHAOS=kill_leader,… for some)
	@trap '$(LAB) down --name $(CHAOS_LAB)' EXIT && \
	$(LAB) up --quiet --name $(CHAOS_LAB) --subnet $(CHAOS_SUBNET) --hosts 3 --log-file-systems 2 $(lab_sizes) \
		--packages openjdk-17-jre-headless,python3-apt && \
	$(TOOLS)/ansible-playbook -i .lab/$(CHAOS_LAB)/inventory -i inventories/chaos.yml site.yml && \
	$(TOOLS)/ansible-playbook -i .lab/$(CHAOS_LAB)/inventory -i inventories/chaos.yml playbooks/chaos.yml \
		-e scenario=$(CHAOS)

test: venv test-tools ## every check below, scenarios side by side, with a time table and a count
	@$(TOOLS)/python tests/run.py

lint: venv ## format, rules, types, specs against docs
	@$(TOOLS)/python tests/run.py lint

unit: venv test-tools ## unit tests
	@$(TOOLS)/python tests/run.py unit

integration: venv test-tools ## modules against real ZooKeeper and broker processes on loopback; the lab's virtual machines
	@$(TOOLS)/python tests/run.py integration integration-machines

molecule: venv ## all scenarios on hosts of their own, side by side but for those under load and on a virtual machine
	@$(TOOLS)/python tests/run.py molecule molecule-change molecule-chaos molecule-host_tuning_vm

molecule-cluster: ## three hosts from bare to proven, --check against what then changed, reboot, --limit, --tags

molecule-change: ## changes of a cluster that serves: rolled, killed in the middle and finished, refused, cured

molecule-chaos: ## five faults while records are sent, and runs that are killed in the middle of one

molecule-host_tuning_vm: ## tuning on a virtual machine: read from /proc, after a reboot too, and broken by hand

molecule-udp_test: ## UDP loss by place, what no counter explains, Kafka away in a burst, and a host that is as it was

molecule-roles: ## host_tuning, java, dist, zookeeper and kafka each alone

molecule-syslog: ## syslog lines into Kafka: what arrives, what is refused, an outage with a restart inside, a full queue

molecule-classic: ## Kafka 2.6.0 with ZooKeeper 3.6.2, on the older supported ansible-core

molecule-%: venv
	@$(TOOLS)/python tests/run.py $@

vagrant-box: ## make this machine ready for `vagrant up`: packages, libvirt's daemon where nobody runs it, the box
	@$(LAB) vagrant-ready

vagrant-test: venv ## `vagrant up` to a proven cluster and back to nothing, with times (LAB_HOSTS, LAB_SUBNET, LAB_MEMORY_MB, LAB_CPUS)
	@LAB_HOSTS=$(LAB_HOSTS) LAB_SUBNET=$(LAB_SUBNET) LAB_MEMORY_MB=$(LAB_MEMORY_MB) LAB_CPUS=$(LAB_CPUS) \
		$(TOOLS)/python tests/vagrant_up.py

bench: venv ## speed beside the references, as one table with ratios
	$(TOOLS)/python -m tests.bench

docs: venv ## write the reference pages from specs and modules; fails where they were not current
	@$(TOOLS)/python docs/generate.py --check || { $(TOOLS)/python docs/generate.py; exit 1; }

schema: venv ## take the definitions of Kafka's settings from the supported releases anew
	PYTHONPATH=collections $(TOOLS)/python -m tests.definitions

release: venv ## build the archive with its changelog, install it in an empty place and run it
	$(TOOLS)/python tests/release.py

venv: ## make .venv from the pinned requirements, or bring it to them
	@$(LAB) deps
	@$(LAB) venv

test-tools:
	@$(LAB) deps --tests

clean: ## remove every lab of this checkout and all that was made here (reports stay)
	@$(LAB) clean

.PHONY: help lab lab-down lab-status site verify perf chaos test lint unit integration molecule vagrant-box vagrant-test bench docs schema \
	release venv test-tools clean
