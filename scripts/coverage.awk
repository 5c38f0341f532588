# Sums gcov's lines a file: share of lines that ran and of branches that went each way, then all; for make coverage.
/^File / { file = $0; gsub(/^File .|.$/, "", file); wanted = file ~ /^(common|cmd)\// && !(file in n) }
/^$/ { wanted = 0 } # the sum of all files has no name
wanted && /^Lines executed:/ { split($0, part, /[:% ]+/); lines[file] = part[3]; n[file] = $NF }
wanted && /^Taken at least once:/ { split($0, part, /[:% ]+/); taken[file] = part[5]; branches[file] = $NF }
END {
	for (file in lines) {
		total += n[file]
		reached += n[file] * lines[file] / 100
		ways += branches[file]
		went += branches[file] * taken[file] / 100
		printf "%6.1f%% of %4d lines %6.1f%% of %4d branches  %s\n", lines[file], n[file], taken[file], branches[file], file | "sort -n"
	}
	close("sort -n")
	printf "%6.1f%% of %d lines, %.1f%% of %d branches\n", total ? 100 * reached / total : 0, total, ways ? 100 * went / ways : 0, ways
}
