#!/usr/bin/env perl
# Makes sure that it runs once only, as a daemon with a pid file does.
use strict;
use warnings;
use FCGI;
use Fcntl qw(:flock);

open(my $lock, ">", $ARGV[0]) or die "cannot open $ARGV[0]: $!\n";
flock($lock, LOCK_EX | LOCK_NB) or die "it runs already\n";
my $request = FCGI::Request();
while ($request->Accept() >= 0) {
    print "Content-Type: text/plain\r\n\r\nhello\n";
}
