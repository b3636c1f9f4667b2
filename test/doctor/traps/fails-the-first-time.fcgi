#!/usr/bin/env perl
# Fills its cache and falls over it; the next start finds it filled.
use strict;
use warnings;
use FCGI;

unless (-e $ARGV[0]) {
    open(my $cache, ">", $ARGV[0]) or die "cannot open $ARGV[0]: $!\n";
    die "no cache\n";
}
my $request = FCGI::Request();
while ($request->Accept() >= 0) {
    print "Content-Type: text/plain\r\n\r\nhello\n";
}
