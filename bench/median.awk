# median LIST: of numbers separated by spaces; sets least and most to the smallest and the greatest of them.
function median(list, n, sorted, v, i, j) {
	n = split(list, v, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) {
			sorted = v[j]; v[j] = v[j - 1]; v[j - 1] = sorted
		}
	least = v[1]; most = v[n]
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
